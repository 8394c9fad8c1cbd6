#include "source/capture_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <climits>
#include <utility>

#include "source/source.h"

namespace tunmeter {
namespace {

// Packets of a file that were read but must wait for earlier packets of other files.
class Ahead {
 public:
  bool empty() const { return next_ == packets_.size(); }
  // The earliest time of all packets here, so that a late stamp delays no packet behind it.
  int64_t next_ns() const { return earliest_[next_]; }

  void add(std::span<const RawPacket> batch) {
    for (const RawPacket& packet : batch) {
      packets_.push_back(packet);
      // An offset, because bytes_ may still move.
      places_.push_back(bytes_.size());
      bytes_.insert(bytes_.end(), packet.data, packet.data + packet.captured_bytes);
    }
  }

  // Call after each read: bytes_ no longer moves.
  void settle() {
    earliest_.resize(packets_.size());
    int64_t earliest = INT64_MAX;
    for (size_t i = packets_.size(); i-- > next_;) {
      packets_[i].data = bytes_.data() + places_[i];
      // A packet without a time goes with the packet before it.
      if (packets_[i].timestamp_ns != kNoTimestamp)
        earliest = std::min(earliest, packets_[i].timestamp_ns);
      earliest_[i] = packets_[i].timestamp_ns == kNoTimestamp ? INT64_MIN : earliest;
    }
  }

  void drop() {
    packets_.clear();
    places_.clear();
    earliest_.clear();
    bytes_.clear();
    next_ = 0;
  }

  // Delivers the packets before `until_ns`, and with `inclusive` those at it.
  void deliver(int64_t until_ns, bool inclusive, PacketSink& sink) {
    const size_t from = next_;
    while (!empty() && (next_ns() < until_ns || (inclusive && next_ns() == until_ns))) next_++;
    if (next_ > from) sink.packets(std::span(packets_).subspan(from, next_ - from));
    if (empty()) drop();
  }

 private:
  std::vector<RawPacket> packets_;
  std::vector<size_t> places_;
  std::vector<int64_t> earliest_;  // the earliest time of each packet and those after it
  std::vector<uint8_t> bytes_;
  size_t next_ = 0;
};

// A pipe waits until the files before it ended: reading its first time could wait without end.
bool is_pipe(const std::string& path) {
  struct stat info {};
  if (path == "-") return true;
  return stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
}

// Keeps the first time.
class FirstTime final : public PacketSink {
 public:
  void packets(std::span<const RawPacket> batch) noexcept override {
    for (const RawPacket& packet : batch) {
      if (ns != kNoTimestamp) return;
      ns = packet.timestamp_ns;
    }
  }
  int64_t ns = kNoTimestamp;
};

}  // namespace

struct CaptureFiles::Open {
  uint32_t index;
  std::unique_ptr<PacketSource> source;
  Ahead ahead;
  bool pipe = false;   // no other file is open beside it
  bool begun = false;  // one of its packets was delivered
  bool ended = false;
};

// Delivers packets before the next packet of another file, and puts the others into `ahead`.
class CaptureFiles::Gate final : public PacketSink {
 public:
  Gate(PacketSink& sink, Ahead& ahead, int64_t until_ns, bool inclusive)
      : sink_(sink), ahead_(ahead), until_ns_(until_ns), inclusive_(inclusive) {}

  void packets(std::span<const RawPacket> batch) noexcept override {
    size_t passed = 0;
    if (ahead_.empty()) {
      if (until_ns_ == INT64_MAX) passed = batch.size();
      while (passed < batch.size() && passes(batch[passed].timestamp_ns)) passed++;
      if (passed > 0) sink_.packets(batch.first(passed));
      has_passed_ = has_passed_ || passed > 0;
    }
    if (passed < batch.size()) ahead_.add(batch.subspan(passed));
  }

  bool has_passed() const { return has_passed_; }

 private:
  bool passes(int64_t ns) const { return ns < until_ns_ || (inclusive_ && ns == until_ns_); }

  PacketSink& sink_;
  Ahead& ahead_;
  const int64_t until_ns_;
  const bool inclusive_;
  bool has_passed_ = false;
};

int64_t first_packet_ns(const std::string& path) {
  const auto source = open_file_source(path);
  FirstTime first;
  while (first.ns == kNoTimestamp && can_go_on(source->read(first))) {
  }
  return first.ns;
}

CaptureFiles::CaptureFiles(std::vector<std::string> paths) : paths_(std::move(paths)) {}

CaptureFiles::~CaptureFiles() = default;

FileRead CaptureFiles::read(PacketSink& sink) noexcept {
  FileRead read;
  if (!stop_) open_files();
  if (stop_ || open_.empty()) {
    read.over = true;
  } else {
    const auto is_unread = [](const auto& file) { return file->ahead.empty() && !file->ended; };
    // The newest file first: once its first time is known, the current file's packets need no copy.
    const auto unread = std::find_if(open_.rbegin(), open_.rend(), is_unread);
    if (unread != open_.rend()) {
      read_file(**unread, sink, read);
    } else {
      deliver_earliest(sink, read);
    }
    close_ended();
  }
  read.files_opened = files_opened_;
  read.files_overlapping = files_overlapping_;
  read.stats = finished_;
  for (const auto& file : open_) read.stats += file->source->stats();
  return read;
}

void CaptureFiles::stop() {
  const std::lock_guard lock(mutex_);
  stop_ = true;
  for (const auto& file : open_) file->source->interrupt();
}

// Opens the current files and the one after them, which joins when its first packet is the next.
void CaptureFiles::open_files() {
  while (files_opened_ < paths_.size() && open_.size() <= kOverlapMax &&
         (open_.size() < 2 || open_.back()->begun)) {
    const bool pipe = is_pipe(paths_[files_opened_]);
    if (!open_.empty() && (pipe || open_.back()->pipe)) return;
    auto file = std::make_unique<Open>();
    file->index = files_opened_;
    file->pipe = pipe;
    file->source = open_file_source(paths_[files_opened_++]);
    const std::lock_guard lock(mutex_);
    open_.push_back(std::move(file));
    // A stop() before this moment found nothing to interrupt.
    if (stop_) open_.back()->source->interrupt();
  }
}

// Marks that packets of `file` are delivered. False when too many other files have not ended.
bool CaptureFiles::begin(Open& file, FileRead& read) {
  if (file.begun) return true;
  const auto begun =
      std::count_if(open_.begin(), open_.end(), [](const auto& other) { return other->begun; });
  if (static_cast<size_t>(begun) >= kOverlapMax) {
    file.ended = true;
    file.ahead.drop();
    read.file = file.index;
    read.error = {"FILES_OVERLAP",
                  paths_[file.index] + " is not read: it overlaps in time with " +
                      std::to_string(kOverlapMax) +
                      " files before it. Merge them first: mergecap -w OUT FILE...",
                  0};
    return false;
  }
  file.begun = true;
  if (begun > 0) files_overlapping_++;
  return true;
}

// Reads the file once. While it is alone or the earliest, its packets are delivered without a copy.
void CaptureFiles::read_file(Open& file, PacketSink& sink, FileRead& read) {
  int64_t until_ns = INT64_MAX;
  bool inclusive = true;
  for (const auto& other : open_) {
    if (other.get() == &file || (other->ended && other->ahead.empty())) continue;
    const int64_t ns = other->ahead.empty() ? INT64_MIN : other->ahead.next_ns();
    const bool first = file.index < other->index;
    if (ns < until_ns || (ns == until_ns && !first)) {
      until_ns = ns;
      inclusive = first && !other->ahead.empty();
    }
  }
  // Hold back a file that has not begun, because begin() may refuse it.
  if (!file.begun && open_.size() > 1) until_ns = INT64_MIN;
  Gate gate(sink, file.ahead, until_ns, inclusive);
  const SourceStatus status = file.source->read(gate);
  file.ahead.settle();
  if (gate.has_passed()) begin(file, read);
  read.waited = status == SourceStatus::kWaited;
  if (can_go_on(status)) return;
  file.ended = true;
  read.file = file.index;
  // After stop(), an error of the source says nothing about the file.
  if (status != SourceStatus::kEnd && !stop_) read.error = file.source->error();
}

// Delivers the packets of the earliest file up to the next packet of another file.
void CaptureFiles::deliver_earliest(PacketSink& sink, FileRead& read) {
  Open* earliest = nullptr;
  Open* second = nullptr;
  for (const auto& file : open_) {
    if (file->ahead.empty()) continue;
    if (earliest == nullptr || file->ahead.next_ns() < earliest->ahead.next_ns()) {
      second = std::exchange(earliest, file.get());
    } else if (second == nullptr || file->ahead.next_ns() < second->ahead.next_ns()) {
      second = file.get();
    }
  }
  if (earliest == nullptr || !begin(*earliest, read)) return;
  if (second == nullptr) return earliest->ahead.deliver(INT64_MAX, true, sink);
  earliest->ahead.deliver(second->ahead.next_ns(), earliest->index < second->index, sink);
}

void CaptureFiles::close_ended() {
  for (auto at = open_.begin(); at != open_.end();) {
    if (!(*at)->ended || !(*at)->ahead.empty()) {
      at++;
      continue;
    }
    finished_ += (*at)->source->stats();
    const std::lock_guard lock(mutex_);
    at = open_.erase(at);
  }
}

}  // namespace tunmeter
