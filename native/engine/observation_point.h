// The observation point: a thread that reads a source into an engine, and the status that other
// threads may read. It does not know Node.
//
//   start() -> thread: source -> engine -> record queue   until the input ends or fails, or stop()
//                      engine.finish()  -> record queue   once, then kEnded
//
// Files are read through one engine, in order, and by time where they overlap (capture_files.h).
// With read_ahead, another thread reads and decodes them (decode_ahead.h). A live interface that is
// gone is tried again every 200 ms, until stop().
#pragma once

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/record_queue.h"
#include "source/capture_files.h"
#include "source/source.h"

namespace tunmeter {

struct SourceOptions {
  bool live = false;
  std::vector<std::string> paths;
  bool read_ahead = false;  // files: another thread reads and decodes them
  LiveOptions interface;
};

enum class PointState : uint8_t { kRunning, kGone, kEnded, kDamaged, kFailed };

struct PointError {
  SourceError error;
  uint32_t file = 0;  // index in SourceOptions::paths
};

// The published state of the thread: a copy made between two reads at most every 50 ms, and when
// the state changes.
struct PointStatus {
  EngineCounters counters;
  SourceStats source;
  PointState state = PointState::kRunning;
  bool ended = false;              // no more records will come
  std::vector<PointError> errors;  // by file
  uint32_t files_overlapping = 0;  // files that began before an earlier file ended
  SourceError gone;                // kGone: the reason
  // All records of sessions of older epochs are in the queue already.
  uint32_t oldest_epoch = 0;
};

class ObservationPoint {
 public:
  struct Options {
    EngineOptions engine;
    SourceOptions source;
    bool records = true;
    size_t record_queue_bytes = 64u << 20;
  };

  // `wake`: see RecordQueue. ok() is false when the engine's memory could not be reserved.
  ObservationPoint(Options options, std::function<void()> wake);
  ~ObservationPoint();
  ObservationPoint(const ObservationPoint&) = delete;
  ObservationPoint& operator=(const ObservationPoint&) = delete;

  bool ok() const { return engine_.ok(); }
  // If no thread can be started, it ends at once: status().state is kFailed, with the reason in
  // errors.
  void start();
  // Any thread. Ends the input: open sessions are reported, then status().ended is set.
  void stop();
  // Ends and joins the thread, even if nothing takes its records.
  void abandon();
  void set_inside(PrefixSet prefixes);
  // Any thread. Applies to sessions that open soon after; epoch_begun() says from when on.
  void begin_epoch(uint32_t epoch) { epoch_.store(epoch); }
  uint32_t epoch_begun() const { return epoch_begun_.load(); }
  PointStatus status();
  RecordQueue& queue() { return queue_; }

 private:
  void run();
  void read_files();
  void read_files_ahead();
  void note(FileRead& read);
  PointState state_after_files() const;
  void read_interface();
  PacketSource& open_interface();
  int64_t set_live_clock();
  bool reopen(PacketSource& source);
  // Between two reads: takes settings of other threads, flushes records, publishes the status.
  void between_reads();
  void publish(bool ended);
  void drain_after_stop(PacketSource& source);

  const Options options_;
  RecordQueue queue_;
  Engine engine_;
  CaptureFiles files_;
  pthread_t thread_{};
  bool has_thread_ = false;
  std::atomic<bool> stop_ = false;

  // Thread only.
  SourceStats source_stats_;
  uint32_t files_opened_ = 0;
  uint32_t files_overlapping_ = 0;
  PointState state_ = PointState::kRunning;
  std::vector<PointError> errors_;
  SourceError gone_;
  // From CLOCK_MONOTONIC to engine time, so that engine time begins as the wall clock.
  int64_t live_offset_ns_ = 0;
  int64_t published_ns_ = 0;
  int64_t flushed_ns_ = 0;

  std::mutex mutex_;
  std::condition_variable stopping_;
  std::unique_ptr<PacketSource> interface_;  // set under mutex_; read() by the thread only
  PointStatus status_;
  PrefixSet inside_;
  std::atomic<bool> inside_changed_ = false;
  std::atomic<uint32_t> epoch_ = 0;
  std::atomic<uint32_t> epoch_begun_ = 0;
};

}  // namespace tunmeter
