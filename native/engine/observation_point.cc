#include "engine/observation_point.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>
#include <utility>

#include "decode/decode_ahead.h"

namespace tunmeter {
namespace {

constexpr int64_t kPublishEveryNs = 50'000'000;
constexpr int64_t kFlushEveryNs = 20'000'000;
// A file fills whole chunks quickly. Records of a slow pipe wait at most this long.
constexpr int64_t kFlushFilesEveryNs = 250'000'000;
constexpr auto kReopenEvery = std::chrono::milliseconds(200);
constexpr int kReadsAfterStopMax = 64;

int64_t clock_ns(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

ObservationPoint::ObservationPoint(Options options, std::function<void()> wake)
    : options_(std::move(options)),
      queue_(options_.record_queue_bytes,
             options_.source.live ? QueueFull::kDrop : QueueFull::kWait, std::move(wake)),
      engine_(options_.engine, options_.records ? &queue_ : nullptr),
      files_(options_.source.paths) {}

ObservationPoint::~ObservationPoint() { abandon(); }

void ObservationPoint::start() {
  if (has_thread_) return;
  const auto body = [](void* self) -> void* {
    static_cast<ObservationPoint*>(self)->run();
    return nullptr;
  };
  const int fault = pthread_create(&thread_, nullptr, body, this);
  has_thread_ = fault == 0;
  if (has_thread_) return;
  const std::string what = options_.source.live ? options_.source.interface.interface : "capture";
  state_ = PointState::kFailed;
  errors_.push_back(
      {{"NO_THREAD", what + ": there is no thread to read it: " + strerror(fault), 0}, 0});
  publish(true);
}

void ObservationPoint::stop() {
  const std::lock_guard lock(mutex_);
  stop_.store(true);
  stopping_.notify_all();
  if (interface_) interface_->interrupt();
  files_.stop();
}

void ObservationPoint::abandon() {
  if (!has_thread_) return;
  queue_.abandon();
  stop();
  pthread_join(thread_, nullptr);
  has_thread_ = false;
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

void ObservationPoint::run() {
  between_reads();
  if (options_.source.live) {
    read_interface();
  } else {
    read_files();
  }
  queue_.wait_from_now_on();
  engine_.finish();
  queue_.flush();
  publish(true);
  queue_.wake();
}

void ObservationPoint::read_files() {
  if (options_.source.read_ahead) {
    read_files_ahead();
  } else {
    for (FileRead read; !read.over;) {
      read = files_.read(engine_);
      note(read);
    }
  }
  state_ = state_after_files();
}

void ObservationPoint::read_files_ahead() {
  DecodeAhead reader(files_, engine_.hash_secrets());
  for (bool over = false; !over;) {
    DecodeAhead::Batch& batch = reader.next();
    engine_.decoded(batch.decoded());
    if (!batch.ends_read) continue;
    note(batch.read);
    over = batch.read.over;
  }
}

// Notes the result of a read, after its packets were counted.
void ObservationPoint::note(FileRead& read) {
  source_stats_ = read.stats;
  files_opened_ = read.files_opened;
  files_overlapping_ = read.files_overlapping;
  if (read.error) {
    const auto later = [](uint32_t file, const PointError& other) { return file < other.file; };
    const auto at = std::upper_bound(errors_.begin(), errors_.end(), read.file, later);
    errors_.insert(at, {std::move(*read.error), read.file});
  }
  if (read.waited) engine_.decide_held();
  between_reads();
}

PointState ObservationPoint::state_after_files() const {
  if (errors_.empty()) return PointState::kEnded;
  const bool nothing = errors_.size() == files_opened_ && engine_.counters().all.packets == 0;
  return nothing ? PointState::kFailed : PointState::kDamaged;
}

void ObservationPoint::read_interface() {
  PacketSource& source = open_interface();
  live_offset_ns_ = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
  while (!stop_) {
    const uint64_t packets_before = engine_.counters().all.packets;
    set_live_clock();
    const SourceStatus status = source.read(engine_);
    // Time advances even when no packet comes.
    if (engine_.counters().all.packets == packets_before) engine_.advance(set_live_clock());
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

// Timeouts use the monotonic clock, so that setting the wall clock neither ends nor delays
// sessions.
int64_t ObservationPoint::set_live_clock() {
  const int64_t now_ns = clock_ns(CLOCK_MONOTONIC) + live_offset_ns_;
  engine_.set_live_clock(now_ns / 1000, (now_ns - clock_ns(CLOCK_REALTIME)) / 1000);
  return now_ns;
}

PacketSource& ObservationPoint::open_interface() {
  const std::lock_guard lock(mutex_);
  interface_ = open_live_source(options_.source.interface);
  // A stop() before this moment found nothing to interrupt.
  if (stop_) interface_->interrupt();
  return *interface_;
}

// Waits until the interface is open again. False after stop().
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
    engine_.advance(set_live_clock());
    between_reads();
    std::unique_lock lock(mutex_);
    stopping_.wait_for(lock, kReopenEvery, [this] { return stop_.load(); });
  }
  return false;
}

// Reads the packets that the kernel's ring held at stop().
void ObservationPoint::drain_after_stop(PacketSource& source) {
  queue_.wait_from_now_on();
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
  const uint32_t epoch = epoch_.load();
  engine_.begin_epoch(epoch);
  epoch_begun_.store(epoch);
  const int64_t now = clock_ns(CLOCK_MONOTONIC);
  if (now - flushed_ns_ >= (options_.source.live ? kFlushEveryNs : kFlushFilesEveryNs)) {
    flushed_ns_ = now;
    queue_.flush();
  }
  if (now - published_ns_ < kPublishEveryNs) return;
  published_ns_ = now;
  publish(false);
}

void ObservationPoint::publish(bool ended) {
  // Queue the records before oldest_epoch says that no more records of older epochs will come.
  if (options_.source.live) queue_.flush();
  const std::lock_guard lock(mutex_);
  status_.counters = engine_.counters();
  status_.source = interface_ ? interface_->stats() : source_stats_;
  status_.state = state_;
  status_.ended = ended;
  status_.errors = errors_;
  status_.files_overlapping = files_overlapping_;
  status_.gone = gone_;
  status_.oldest_epoch = engine_.oldest_epoch();
}

}  // namespace tunmeter
