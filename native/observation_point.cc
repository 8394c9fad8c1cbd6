#include "observation_point.h"

#include <time.h>

#include <chrono>
#include <utility>

namespace tunmeter {
namespace {

constexpr int64_t kPublishEveryNs = 50'000'000;
constexpr int64_t kFlushEveryNs = 20'000'000;
constexpr auto kReopenEvery = std::chrono::milliseconds(200);
constexpr int kReadsAfterStopMax = 64;

int64_t clock_ns(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

SourceStats sum(const SourceStats& a, const SourceStats& b) {
  SourceStats s;
  s.bytes_read = a.bytes_read + b.bytes_read;
  s.bytes_total = a.bytes_total + b.bytes_total;
  s.kernel_received = a.kernel_received + b.kernel_received;
  s.kernel_dropped = a.kernel_dropped + b.kernel_dropped;
  s.interface_dropped = a.interface_dropped + b.interface_dropped;
  s.reopened = a.reopened + b.reopened;
  return s;
}

}  // namespace

ObservationPoint::ObservationPoint(Options options, std::function<void()> wake)
    : options_(std::move(options)),
      queue_(options_.record_queue_bytes,
             options_.source.live ? QueueFull::kDrop : QueueFull::kWait, std::move(wake)),
      engine_(options_.engine, options_.records ? &queue_ : nullptr) {}

ObservationPoint::~ObservationPoint() { abandon(); }

void ObservationPoint::start() {
  if (thread_.joinable()) return;
  thread_ = std::thread([this] { run(); });
}

void ObservationPoint::stop() {
  const std::lock_guard lock(mutex_);
  stop_.store(true);
  stopping_.notify_all();
  if (source_) source_->interrupt();
}

void ObservationPoint::abandon() {
  if (!thread_.joinable()) return;
  queue_.abandon();
  stop();
  thread_.join();
}

void ObservationPoint::set_inside(PrefixSet prefixes) {
  const std::lock_guard lock(mutex_);
  inside_.swap(prefixes);
  inside_changed_.store(true);
}

PointStatus ObservationPoint::status() {
  const std::lock_guard lock(mutex_);
  return status_;
}

void ObservationPoint::set_source(std::unique_ptr<PacketSource> source) {
  const std::lock_guard lock(mutex_);
  if (source_) finished_files_ = sum(finished_files_, source_->stats());
  source_ = std::move(source);
  // A stop() before this moment found no source to interrupt.
  if (source_ && stop_) source_->interrupt();
}

void ObservationPoint::run() {
  between_reads();
  if (options_.source.live) {
    read_interface();
  } else {
    read_files();
  }
  engine_.finish();
  queue_.flush();
  publish(true);
  queue_.wake();
}

void ObservationPoint::read_files() {
  const auto& paths = options_.source.paths;
  bool any_good = false;
  bool any_damaged = false;
  for (uint32_t file = 0; file < paths.size() && !stop_; file++) {
    set_source(open_file_source(paths[file]));
    read_one_file(*source_, file);
    const bool bad = !errors_.empty() && errors_.back().file == file;
    any_good |= !bad;
    any_damaged |= bad;
  }
  if (!any_damaged) {
    state_ = PointState::kEnded;
  } else {
    const bool nothing = !any_good && engine_.counters().all.packets == 0;
    state_ = nothing ? PointState::kFailed : PointState::kDamaged;
  }
}

void ObservationPoint::read_one_file(PacketSource& source, uint32_t file) {
  while (!stop_) {
    const SourceStatus status = source.read(engine_);
    between_reads();
    if (status == SourceStatus::kOk) continue;
    if (status != SourceStatus::kEnd && !stop_) errors_.push_back({source.error(), file});
    return;
  }
}

void ObservationPoint::read_interface() {
  set_source(open_live_source(options_.source.interface));
  PacketSource& source = *source_;
  while (!stop_) {
    const uint64_t packets_before = engine_.counters().all.packets;
    const SourceStatus status = source.read(engine_);
    // Silence on the wire: time goes on all the same.
    if (engine_.counters().all.packets == packets_before) engine_.advance(clock_ns(CLOCK_REALTIME));
    between_reads();
    if (status == SourceStatus::kOk) continue;
    if (status == SourceStatus::kGone) {
      if (reopen(source)) continue;
      break;
    }
    if (status == SourceStatus::kEnd) break;
    if (stop_) break;
    errors_.push_back({source.error(), 0});
    state_ = PointState::kFailed;
    return;
  }
  drain_after_stop(source);
  state_ = PointState::kEnded;
}

// Waits for the interface to come back. False: stopped meanwhile.
bool ObservationPoint::reopen(PacketSource& source) {
  gone_ = source.error();
  state_ = PointState::kGone;
  publish(false);
  while (!stop_) {
    if (source.reopen()) {
      state_ = PointState::kRunning;
      gone_ = {};
      publish(false);
      return true;
    }
    engine_.advance(clock_ns(CLOCK_REALTIME));
    between_reads();
    std::unique_lock lock(mutex_);
    stopping_.wait_for(lock, kReopenEvery, [this] { return stop_.load(); });
  }
  return false;
}

// What the kernel still held when it was told to stop.
void ObservationPoint::drain_after_stop(PacketSource& source) {
  for (int reads = 0; reads < kReadsAfterStopMax && state_ != PointState::kGone; reads++) {
    const uint64_t before = engine_.counters().all.packets;
    if (source.read(engine_) != SourceStatus::kOk) return;
    if (engine_.counters().all.packets == before) return;
  }
}

void ObservationPoint::between_reads() {
  if (inside_changed_.load()) {
    const std::lock_guard lock(mutex_);
    engine_.set_inside(inside_);
    inside_changed_.store(false);
  }
  const int64_t now = clock_ns(CLOCK_MONOTONIC);
  // A file's records come thick and fast: whole chunks only.
  if (options_.source.live && now - flushed_ns_ >= kFlushEveryNs) {
    flushed_ns_ = now;
    queue_.flush();
  }
  if (now - published_ns_ < kPublishEveryNs) return;
  published_ns_ = now;
  publish(false);
}

void ObservationPoint::publish(bool ended) {
  const std::lock_guard lock(mutex_);
  status_.counters = engine_.counters();
  status_.source = source_ ? sum(finished_files_, source_->stats()) : finished_files_;
  status_.state = state_;
  status_.ended = ended;
  status_.errors = errors_;
  status_.gone = gone_;
}

}  // namespace tunmeter
