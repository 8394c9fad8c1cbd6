// Records on their way from the engine's thread to JavaScript's: chunks of 64 KiB, a bounded queue
// of them.
//
//   engine thread: next_record() fills the current chunk -> full, or flush(): queue -> wake()
//   JS thread:     drain() takes chunks whole and gives their memory back
//
// Bound: chunks_max chunks in the queue. There a file source waits for JavaScript (kWait); a live
// one must not, and the record is dropped and counted by the engine (kDrop), until it has been
// stopped: what it still has must not be lost to a queue that is full for a moment.
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
  // `wake` is called on the engine's thread, for records at most once between two calls of drain().
  RecordQueue(size_t bytes_max, QueueFull when_full, std::function<void()> wake);

  SessionRecord* next_record() noexcept override;
  // Engine thread: the source has ended, so nothing is missed by waiting for room.
  void wait_from_now_on() noexcept { when_full_ = QueueFull::kWait; }
  // Hands over a chunk that is not full yet.
  void flush() noexcept;
  // Any thread: nobody will drain any more; a waiting engine goes on and its records are dropped.
  void abandon() noexcept;
  // Wakes JavaScript although there may be no records: the thread's state changed. Always: it may
  // be between asking for the state and drain(), where a wake-up that is pending is one that it
  // has seen.
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
