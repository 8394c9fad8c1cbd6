// Eviction from a full table: finds exactly the flow that has been idle longest.
//
// A scan over all slots collects the oldest sixteenth by (last activity, sequence) into a heap. The
// following evictions pop from it. The first popped flow that is unchanged is the oldest of all,
// because:
//   - engine time never decreases, so a flow only moves up in that order;
//   - at the scan, each flow that was not collected was above all candidates, and still is;
//   - a flow opened after the scan has its activity at or after the scan's time and a higher
//     sequence than all candidates, so it is above them as well;
//   - a candidate that had a packet since then is popped before its new place is reached, which is
//     higher. If the new place is not above the last candidate's (both at the scan's very time),
//     the candidate goes back into the heap; otherwise it counts as not collected.
// A scan reads every slot and serves a sixteenth of them: 16 slots an eviction, in order of memory.
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
    int64_t age_us;  // age at the scan; negative for later activity
    uint64_t sequence;
    uint32_t slot;
    bool older_than(const Candidate& other) const {
      return age_us != other.age_us ? age_us > other.age_us : sequence < other.sequence;
    }
    // The standard heap has its largest element in front.
    bool operator<(const Candidate& other) const { return other.older_than(*this); }
  };
  void scan(const FlowTable& table, uint64_t now);

  // A heap with the oldest candidate in front.
  std::vector<Candidate> candidates_;
  Candidate youngest_ = {};  // the youngest candidate at the scan
  uint64_t scanned_at_ = 0;
};

}  // namespace tunmeter
