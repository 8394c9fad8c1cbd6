// TCP retransmits by direction: segments and octets whose sequence numbers were seen before, and
// the gaps in the numbers seen. Rules: docs/accuracy.md.
//
// Only a session that had a gap or a repeat has an entry, so all others need only the place:
//
//   places    [ - | 2 | - | - | 1 | ... ]     4 B a slot of the flow table, touched as needed
//   entries   [ repeats | repeats | free ]    128 B each, at most a quarter of the flows
//
// Numbers compare modulo 2^32, because no gap is further than kWindowMax behind the next number.
#pragma once

#include <cstdint>

#include "table/reservation.h"

namespace tunmeter {

// The largest TCP window (RFC 7323): 1 GiB.
inline constexpr uint32_t kWindowMax = 1u << 30;

struct Repeats {
  static constexpr int kGapsMax = 6;
  struct Gap {
    uint32_t from;
    uint32_t to;  // equal to `from`: no gap
  };

  uint64_t segments[2];
  uint64_t octets[2];
  Gap gaps[2][kGapsMax];  // ascending and disjoint; unused ones last

  void clear_gaps(int rx);
  // Adds the gap from `from` up to `to` (exclusive). When there are too many gaps, the lowest is
  // dropped.
  void add_gap(int rx, uint32_t from, uint32_t to);
  void forget_old_gaps(int rx, uint32_t next);
  // Counts the numbers from `from` to `to` (relative to `next`, from < 0) that were seen before,
  // and marks all of them as seen. `first` and `last`: the first and the last number were seen
  // before.
  struct Seen {
    uint64_t numbers;
    bool first;
    bool last;
  };
  Seen fill(int rx, uint32_t next, int64_t from, int64_t to);
};
static_assert(sizeof(Repeats) == 128);

class RepeatTable {
 public:
  explicit RepeatTable(uint32_t flows_max);
  bool ok() const { return ok_; }

  static uint32_t entries_max(uint32_t flows_max);
  // Only for a slot that has an entry.
  Repeats& of(uint32_t slot) { return entries_[places_[slot] - 1]; }
  const Repeats& of(uint32_t slot) const { return entries_[places_[slot] - 1]; }
  // Adds an entry of zeros. Null when the bound is reached.
  Repeats* add(uint32_t slot);
  void erase(uint32_t slot);
  void clear();
  uint32_t size() const { return size_; }
  size_t memory_bytes() const;

 private:
  uint32_t entries_max_;
  uint32_t entries_used_ = 0;
  uint32_t size_ = 0;
  uint32_t free_head_ = 0;  // place + 1; the next free one is in segments[0]
  bool ok_ = false;
  uint32_t slots_reached_ = 0;
  Repeats* entries_ = nullptr;
  uint32_t* places_ = nullptr;  // place + 1 of each slot's entry
  Reservation entry_memory_;
  Reservation place_memory_;
};

}  // namespace tunmeter
