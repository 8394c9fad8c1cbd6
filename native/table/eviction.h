// Which flow goes when the table is full: exactly the one that has been idle longest.
//
// One scan over all slots collects the oldest sixteenth by (last activity, sequence) into a heap;
// the following evictions pop from it. Why the first popped flow that is unchanged is the oldest of
// all:
//   - engine time never decreases, so a flow's place in that order only ever rises;
//   - at the scan, every flow that was not collected was above every candidate, and still is;
//   - a flow made since then has its activity at or after the scan's time and a higher sequence
//   than all of them, and so is above every candidate, too;
//   - a candidate that had a packet since is popped before its new place is reached, since that is
//   higher. If the new place is not above the last candidate's (both at the scan's very time), it
//   goes back into the heap there; else it is one of the flows that were not collected.
// A scan reads every slot and serves a sixteenth of them: 16 slots read an eviction, in order of
// memory.
//
// Memory: 2/16 of the table's slots x 24 B, allocated once, at the first eviction.
#pragma once

#include <cstdint>
#include <vector>

#include "table/flow_table.h"

namespace tunmeter {

class EvictionQueue {
 public:
  // The table must not be empty.
  uint32_t pop_oldest(const FlowTable& table, uint64_t now);
  void clear() { candidates_.clear(); }
  size_t memory_bytes() const { return candidates_.capacity() * sizeof(Candidate); }

 private:
  struct Candidate {
    int64_t age_us;  // before the scan; negative for what came later
    uint64_t sequence;
    uint32_t slot;
    bool older_than(const Candidate& other) const {
      return age_us != other.age_us ? age_us > other.age_us : sequence < other.sequence;
    }
    // The standard heap keeps its largest in front.
    bool operator<(const Candidate& other) const { return other.older_than(*this); }
  };
  void scan(const FlowTable& table, uint64_t now);

  // A heap with the oldest in front.
  std::vector<Candidate> candidates_;
  Candidate youngest_ = {};  // of the candidates, at the scan
  uint64_t scanned_at_ = 0;
};

}  // namespace tunmeter
