// Which flow goes when the table is full: exactly the one that has been idle longest.
//
// One scan over all slots collects the oldest sixteenth, sorted by (last activity, sequence); the
// following evictions pop from it and skip who is gone or has had a packet since. Why the first
// valid candidate is the oldest flow of all:
//   - engine time never decreases, so a flow's last activity only ever rises;
//   - at the scan, every flow that was not collected was younger than every candidate, and it has
//   only become younger;
//   - a flow made since then has its activity at or after the scan's time, and a higher sequence
//   than all of them.
// So a candidate whose activity is unchanged is still older than everything that is not in the
// queue, and the queue is sorted. A scan reads every slot and serves a sixteenth of them: 16 slots
// read an eviction, in order of memory.
//
// Memory: 2/16 of the table's slots x 24 B, allocated once, at the first eviction.
#pragma once

#include <cstdint>
#include <vector>

#include "flow_table.h"

namespace tunmeter {

class EvictionQueue {
 public:
  // The table must not be empty.
  uint32_t pop_oldest(const FlowTable& table, uint64_t now);
  void clear() { next_ = candidates_.size(); }
  size_t memory_bytes() const { return candidates_.capacity() * sizeof(Candidate); }

 private:
  struct Candidate {
    int64_t age_us;  // at the scan
    uint64_t sequence;
    uint32_t slot;
    bool operator<(const Candidate& other) const {
      return age_us != other.age_us ? age_us > other.age_us : sequence < other.sequence;
    }
  };
  void scan(const FlowTable& table, uint64_t now);

  std::vector<Candidate> candidates_;
  size_t next_ = 0;
  uint64_t scanned_at_ = 0;
};

}  // namespace tunmeter
