// The queue of records from the engine's thread to JavaScript's: chunks of 64 KiB, bounded.
//
//   engine thread: next_record() fills the current chunk -> full, or flush(): queue -> wake()
//   JS thread:     drain() takes whole chunks and gives their memory back
//
// Bound: chunks_max chunks in the queue (default 64 MiB). At the bound a file source waits for
// JavaScript (kWait). A live source must not wait, so the record is dropped and the engine counts
// it (kDrop). After stop() a live source waits as well, because its last records must not be lost
// to a queue that is full for a moment.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/record_sink.h"

namespace tunmeter {

inline constexpr size_t kChunkBytes = 64 * 1024;
inline constexpr size_t kChunkRecords = kChunkBytes / sizeof(SessionRecord);

enum class QueueFull : uint8_t { kWait, kDrop };

class RecordQueue final : public RecordSink {
 public:
  // The engine's thread calls `wake`; for records, at most once between two calls of drain().
  RecordQueue(size_t bytes_max, QueueFull when_full, std::function<void()> wake);

  SessionRecord* next_record() noexcept override;
  // Engine thread, after the end of the source: waiting for room can lose no packet any more.
  void wait_from_now_on() noexcept { when_full_ = QueueFull::kWait; }
  // Queues a chunk that is not full yet.
  void flush() noexcept;
  // Any thread: drain() will not be called again. A waiting engine continues, and its records are
  // dropped.
  void abandon() noexcept;
  // Wakes JavaScript because the thread's state changed; there may be no records. Never merged with
  // a pending wake-up: JavaScript may have read the old status already, and would miss the end.
  void wake() noexcept { wake_(); }

  // JS thread. Calls take(records, bytes) for each chunk that is ready.
  template <typename Take>
  void drain(Take take) {
    wake_pending_.store(false);
    std::deque<Chunk> ready;
    {
      const std::lock_guard lock(mutex_);
      ready.swap(ready_);
    }
    for (const Chunk& chunk : ready) {
      take(chunk.records.get(), chunk.count * sizeof(SessionRecord));
    }
    give_back(ready);
  }

 private:
  struct Chunk {
    std::unique_ptr<SessionRecord[]> records;
    size_t count = 0;
  };
  void give_back(std::deque<Chunk>& chunks);
  void publish() noexcept;

  const size_t chunks_max_;
  QueueFull when_full_;  // engine thread only
  const std::function<void()> wake_;
  std::atomic<bool> wake_pending_ = false;
  Chunk current_;  // engine thread only
  std::mutex mutex_;
  std::condition_variable drained_;
  std::deque<Chunk> ready_;
  std::vector<Chunk> free_;
  bool abandoned_ = false;
};

}  // namespace tunmeter
