// A capture file as a PacketSource. The first bytes decide the format; then stream -> window ->
// parser -> sink.
//
// In:  a path, or "-". Out: each read() delivers the packets in one buffer of the file. An end
// inside a record is FILE_TRUNCATED, impossible bytes are FILE_DAMAGED. Both have the offset of the
// record in the unpacked capture, and come after every packet before it. Anything that is no
// capture is NOT_A_CAPTURE.
#include <stdio.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <utility>

#include "source/source.h"
#include "source/source_format.h"
#include "source/source_stream.h"

namespace tunmeter {

namespace {

bool is_gzip(const uint8_t* head) { return head[0] == 0x1f && head[1] == 0x8b; }

struct Lookalike {
  const char* magic;
  size_t bytes;
  const char* is;
  const char* advice;
};

constexpr const char* kConvert = "Convert it: editcap -F pcapng FILE OUT.";

// Files that people pass by mistake, with the advice for each.
constexpr Lookalike kLookalikes[] = {
    {"\x28\xb5\x2f\xfd", 4, "zstd data", "Unpack it: zstd -dc FILE, and give it as -."},
    {"\xfd"
     "7zXZ",
     5, "xz data", "Unpack it: xz -dc FILE, and give it as -."},
    {"BZh", 3, "bzip2 data", "Unpack it: bzip2 -dc FILE, and give it as -."},
    {"\x04\x22\x4d\x18", 4, "lz4 data", "Unpack it: lz4 -dc FILE, and give it as -."},
    {"PK\x03\x04", 4, "a zip archive", "Unpack it and name the captures in it."},
    {"\x1f\x8b", 2, "gzip data inside gzip data",
     "Unpack it once: gzip -dc FILE, and give it as -."},
    {"snoop\0\0\0", 8, "a snoop capture", kConvert},
    {"GMBU", 4, "a Network Monitor capture", kConvert},
    {"TRSNIFF data", 12, "a Sniffer capture", kConvert},
    {"\xa1\xb2\x34\xcd", 4, "a capture in a pcap variant that libpcap does not read", kConvert},
    {"\xcd\x34\xb2\xa1", 4, "a capture in a pcap variant that libpcap does not read", kConvert},
};

// The first bytes as hexadecimal and as text: 7b 22 61 ("{"a").
std::string show_bytes(const uint8_t* bytes, size_t count) {
  std::string hex;
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    char digits[4];
    snprintf(digits, sizeof digits, "%02x ", bytes[i]);
    hex += digits;
    text += std::isprint(bytes[i]) != 0 ? static_cast<char>(bytes[i]) : '.';
  }
  return hex + "(\"" + text + "\")";
}

class FileSource final : public PacketSource {
 public:
  FileSource(std::unique_ptr<ByteStream> stream, std::string name, size_t window_bytes)
      : name_(std::move(name)),
        stream_(std::move(stream)),
        stored_(stream_.get()),
        window_bytes_(window_bytes),
        window_(std::make_unique<Window>(*stream_, window_bytes)) {}

  SourceStatus read(PacketSink& sink) noexcept override {
    if (ended_ != SourceStatus::kOk) return ended_;
    const StreamStatus status = window_->refill();
    if (status == StreamStatus::kWait) return SourceStatus::kWaited;
    if (parser_ == nullptr && !recognise(status != StreamStatus::kBytes)) return ended_;
    if (parser_ != nullptr) {
      PacketBatch batch(sink);
      const ParseStatus parsed = parser_->parse(*window_, batch);
      batch.flush();
      packets_ += batch.added();
      if (parsed == ParseStatus::kDamaged) return damaged();
      window_->reserve(parser_->needed());
    }
    if (status == StreamStatus::kEnd) return end();
    if (status == StreamStatus::kError) return broken_off();
    return SourceStatus::kOk;
  }

  void interrupt() noexcept override { stored_->interrupt(); }

  SourceStats stats() noexcept override {
    SourceStats stats;
    stats.bytes_read = stored_->stored_bytes_read();
    stats.bytes_total = stored_->stored_bytes_total();
    return stats;
  }

  const SourceError& error() const noexcept override { return error_; }

 private:
  SourceStatus stop(SourceStatus status, SourceError error) {
    error_ = std::move(error);
    return ended_ = status;
  }

  // Reads the first bytes. True when there is a parser, or when more bytes must come first.
  bool recognise(bool at_end) {
    if (window_->size() < kMagicBytes) {
      // If the stream failed before kMagicBytes came, report that; otherwise report the bytes.
      if (at_end && !stream_->error().code.empty()) {
        stop(SourceStatus::kFailed, stream_->error());
      } else if (at_end) {
        not_a_capture();
      }
      return !at_end;
    }
    const uint8_t* const head = window_->data();
    if (is_pcap(head)) {
      parser_ = make_pcap_parser();
    } else if (is_pcapng(head)) {
      parser_ = make_pcapng_parser();
    } else if (is_gzip(head) && !inflating_) {
      inflate();
    } else {
      not_a_capture();
      return false;
    }
    return true;
  }

  // Puts a gzip stream behind a new window; the bytes already read pass through it first.
  void inflate() {
    inflating_ = true;
    std::vector<uint8_t> head(window_->data(), window_->data() + window_->size());
    stream_ = make_gzip_stream(std::move(stream_), std::move(head), name_);
    window_ = std::make_unique<Window>(*stream_, window_bytes_);
  }

  void not_a_capture() {
    const uint8_t* const head = window_->data();
    const size_t size = window_->size();
    const std::string what = name_ + (inflating_ ? " (unpacked)" : "");
    std::string message = " is not a pcap or pcapng capture: it begins with " +
                          show_bytes(head, std::min<size_t>(size, 16)) +
                          ". If Wireshark opens it: editcap -F pcapng FILE OUT.";
    if (size == 0)
      message = " is empty. A capture has at least a header: was it written to its end?";
    for (const Lookalike& it : kLookalikes) {
      if (size < it.bytes || memcmp(head, it.magic, it.bytes) != 0) continue;
      message = std::string(" is ") + it.is + ", not a pcap or pcapng capture. " + it.advice;
      break;
    }
    stop(SourceStatus::kFailed, {"NOT_A_CAPTURE", what + message, 0});
  }

  std::string where(uint64_t offset) const {
    if (offset == 0) return "its first header";
    return "the record at byte " + std::to_string(offset) +
           (inflating_ ? " of the unpacked capture" : "");
  }

  std::string so_far() const {
    if (packets_ == 0) return " No packet came before it.";
    return " The packets before it (" + std::to_string(packets_) + ") were read.";
  }

  SourceStatus damaged() {
    const uint64_t offset = parser_->record_offset(*window_);
    return stop(SourceStatus::kDamaged,
                {"FILE_DAMAGED",
                 name_ + " is damaged in " + where(offset) + ": " + parser_->damage() + "." +
                     so_far() + " Copy the file again, or try pcapfix.",
                 offset});
  }

  SourceStatus end() {
    if (parser_ != nullptr && parser_->at_boundary(*window_)) return ended_ = SourceStatus::kEnd;
    if (parser_ == nullptr) {
      not_a_capture();
      return ended_;
    }
    const uint64_t offset = parser_->record_offset(*window_);
    return stop(SourceStatus::kDamaged,
                {"FILE_TRUNCATED",
                 name_ + " ends in the middle of " + where(offset) + "." + so_far() +
                     " If it is still being written, read it again later; else copy it again.",
                 offset});
  }

  // The stream failed. Packets that were delivered before stay valid.
  SourceStatus broken_off() {
    if (parser_ == nullptr) return stop(SourceStatus::kFailed, stream_->error());
    SourceError error = stream_->error();
    error.message += so_far();
    return stop(SourceStatus::kDamaged, std::move(error));
  }

  std::string name_;
  std::unique_ptr<ByteStream> stream_;
  // The stream of stored bytes: the first stream_, which a gzip stream keeps. It never changes, so
  // other threads may use it.
  ByteStream* const stored_;
  const size_t window_bytes_;
  std::unique_ptr<Window> window_;
  std::unique_ptr<CaptureParser> parser_;
  bool inflating_ = false;
  uint64_t packets_ = 0;
  SourceStatus ended_ = SourceStatus::kOk;
  SourceError error_;
};

}  // namespace

std::unique_ptr<PacketSource> open_file_source(const std::string& path) {
  const std::string name = path == "-" ? "standard input" : path;
  return open_stream_source(std::make_unique<FdStream>(path, name), name);
}

std::unique_ptr<PacketSource> open_stream_source(std::unique_ptr<ByteStream> stream,
                                                 std::string name, size_t window_bytes) {
  return std::make_unique<FileSource>(std::move(stream), std::move(name), window_bytes);
}

}  // namespace tunmeter
