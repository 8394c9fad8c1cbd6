// A reader thread ahead of the table thread: it reads capture files and decodes their packets, so
// that the engine has only to look up and count.
//
//   reader thread                                               table thread
//   CaptureFiles -> decode, hash -> | batch | batch | ... | -> next() -> look up, count
//                                     ring of kBatches
//
// The reader waits while the ring is full, the table thread while it is empty; nothing else is
// shared, and the lock is taken once a batch. A batch ends where a read of the files ends, so what
// came of the read (how far, which fault) is with the last packet before it, and packets of a slow
// pipe do not wait for others to fill their batch.
//
// The reader ends by itself when the files are over, or stop() of the files says so. The table
// thread takes batches until the one that says `over`, whatever it does with them, so neither ever
// waits for a thread that is gone.
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
    bool ends_read = false;  // `read` is what came of it; else more batches of it follow
    FileRead read;
    DecodedPacket packets[kPackets];
    std::span<const DecodedPacket> decoded() const { return {packets, count}; }
  };

  // Starts the thread. `files` must outlive it.
  DecodeAhead(CaptureFiles& files, const HashKey& hash_key);
  // The batch that says `over` must have been taken: the thread waits for room until then.
  ~DecodeAhead();
  DecodeAhead(const DecodeAhead&) = delete;
  DecodeAhead& operator=(const DecodeAhead&) = delete;

  // Table thread: the next batch, the caller's until the next call.
  Batch& next();

 private:
  // What two threads fetch ahead of each other; about what a second-level cache holds of them.
  static constexpr uint64_t kBatches = 16;
  // Woken when it may fill this many: a wake-up costs both threads more than a batch does.
  static constexpr uint64_t kRefill = kBatches / 2;

  class Sink;
  void run();
  Batch& to_fill();
  void filled();

  CaptureFiles& files_;
  const HashKey hash_key_;  // a copy, away from what the table thread writes
  const std::unique_ptr<Batch[]> ring_;
  std::mutex mutex_;
  std::condition_variable not_empty_;
  std::condition_variable not_full_;
  uint64_t filled_ = 0;     // under mutex_
  uint64_t taken_ = 0;      // under mutex_
  bool holds_one_ = false;  // table thread only: next() has given out ring_[taken_]
  std::thread thread_;
};

}  // namespace tunmeter
