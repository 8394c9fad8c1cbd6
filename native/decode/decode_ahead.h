// A reader thread for replays. It reads capture files and decodes their packets ahead of the table
// thread, which then only looks flows up and counts.
//
//   reader thread                                               table thread
//   CaptureFiles -> decode, hash -> | batch | batch | ... | -> next() -> look up, count
//                                     ring of kBatches
//
// The reader waits while the ring is full, and the table thread while it is empty. They share
// nothing else, and take the lock once a batch. A batch ends where a read of the files ends. So its
// result (progress, fault) comes with the last packet before it, and packets of a slow pipe do not
// wait until a batch is full.
//
// The reader ends when the files are over or CaptureFiles::stop() is called. The table thread must
// take batches until one says `over`, so that neither thread waits for the other after its end.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <thread>

#include "decode/decoded_packet.h"
#include "source/capture_files.h"
#include "table/flow_key.h"

namespace tunmeter {

class DecodeAhead {
 public:
  struct Batch {
    static constexpr size_t kPackets = 512;
    size_t count = 0;
    bool ends_read = false;  // `read` is set; else more batches of the same read follow
    FileRead read;
    DecodedPacket packets[kPackets];
    std::span<const DecodedPacket> decoded() const { return {packets, count}; }
  };

  // Starts the thread. `files` must outlive it.
  DecodeAhead(CaptureFiles& files, const HashKey& hash_key);
  // Take the batch that says `over` before: until then the thread may wait for room.
  ~DecodeAhead();
  DecodeAhead(const DecodeAhead&) = delete;
  DecodeAhead& operator=(const DecodeAhead&) = delete;

  // Table thread: the next batch, valid until the next call.
  Batch& next();

 private:
  // Together about the size of a second-level cache.
  static constexpr uint64_t kBatches = 16;
  // The waiting reader is woken when this many are free, because a wake-up costs more than a batch.
  static constexpr uint64_t kRefill = kBatches / 2;

  class Sink;
  void run();
  Batch& to_fill();
  void filled();

  CaptureFiles& files_;
  const HashKey hash_key_;  // a copy, away from cache lines that the table thread writes
  const std::unique_ptr<Batch[]> ring_;
  std::mutex mutex_;
  std::condition_variable not_empty_;
  std::condition_variable not_full_;
  uint64_t filled_ = 0;     // under mutex_
  uint64_t taken_ = 0;      // under mutex_
  bool holds_one_ = false;  // table thread only: the caller of next() has ring_[taken_]
  std::thread thread_;
};

}  // namespace tunmeter
