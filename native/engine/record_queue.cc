#include "engine/record_queue.h"

#include <algorithm>
#include <new>
#include <utility>

namespace tunmeter {
namespace {

constexpr size_t kFreeChunksMax = 64;  // 4 MiB, kept for the next burst

}  // namespace

RecordQueue::RecordQueue(size_t bytes_max, QueueFull when_full, std::function<void()> wake)
    : chunks_max_(std::max<size_t>(2, bytes_max / kChunkBytes)),
      when_full_(when_full),
      wake_(std::move(wake)) {}

SessionRecord* RecordQueue::next_record() noexcept {
  if (current_.count == kChunkRecords) publish();
  if (!current_.records) {
    std::unique_lock lock(mutex_);
    if (when_full_ == QueueFull::kWait) {
      drained_.wait(lock, [this] { return abandoned_ || ready_.size() < chunks_max_; });
    }
    if (abandoned_ || ready_.size() >= chunks_max_) return nullptr;
    if (!free_.empty()) {
      current_ = std::move(free_.back());
      free_.pop_back();
    } else {
      // Without memory the records are lost and counted, and the others are kept.
      current_.records.reset(new (std::nothrow) SessionRecord[kChunkRecords]);
      if (!current_.records) return nullptr;
    }
    current_.count = 0;
  }
  return &current_.records[current_.count++];
}

void RecordQueue::publish() noexcept {
  {
    const std::lock_guard lock(mutex_);
    ready_.push_back(std::move(current_));
    current_ = Chunk{};
  }
  if (!wake_pending_.exchange(true)) wake_();
}

void RecordQueue::flush() noexcept {
  if (current_.records && current_.count > 0) publish();
}

void RecordQueue::abandon() noexcept {
  const std::lock_guard lock(mutex_);
  abandoned_ = true;
  drained_.notify_all();
}

void RecordQueue::give_back(std::deque<Chunk>& chunks) {
  const std::lock_guard lock(mutex_);
  for (Chunk& chunk : chunks) {
    if (free_.size() < kFreeChunksMax) free_.push_back(std::move(chunk));
  }
  drained_.notify_all();
}

}  // namespace tunmeter
