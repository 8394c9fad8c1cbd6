// What TCP sessions sent again: segments and octets whose sequence numbers had been seen here, and
// the gaps in the numbers seen, by direction. Rules: docs/accuracy.md.
//
// Only a session that had a gap or a repeat has an entry, so that all others pay nothing:
//
//   places    [ - | 2 | - | - | 1 | ... ]     4 B a slot of the flow table, touched as needed
//   entries   [ repeats | repeats | free ]    128 B each, at most a quarter of the flows
//
// Numbers are compared modulo 2^32: no gap is further than kWindowMax behind the next number.
#pragma once

#include <cstdint>

#include "table/reservation.h"

namespace tunmeter {

// No window is larger (RFC 7323).
inline constexpr uint32_t kWindowMax = 1u << 30;

struct Repeats {
  static constexpr int kGapsMax = 6;
  struct Gap {
    uint32_t from;
    uint32_t to;  // equal: none
  };

  uint64_t segments[2];
  uint64_t octets[2];
  Gap gaps[2][kGapsMax];  // rising and apart; those that are none come last

  void clear_gaps(int rx);
  // The numbers from `from` on were skipped, up to `to`. The lowest gap goes when there are too
  // many.
  void add_gap(int rx, uint32_t from, uint32_t to);
  void forget_old_gaps(int rx, uint32_t next);
  // How many of the numbers `from` to `to` (relative to `next`, from < 0) were seen before. They all
  // are from now on.
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
  // Of a slot that has one.
  Repeats& of(uint32_t slot) { return entries_[places_[slot] - 1]; }
  const Repeats& of(uint32_t slot) const { return entries_[places_[slot] - 1]; }
  // Zero. Null when there are too many.
  Repeats* add(uint32_t slot);
  void erase(uint32_t slot);
  void clear();
  uint32_t size() const { return size_; }
  size_t memory_bytes() const;

 private:
  uint32_t entries_max_;
  uint32_t entries_used_ = 0;
  uint32_t size_ = 0;
  uint32_t free_head_ = 0;  // place and one; the next one is in segments[0]
  bool ok_ = false;
  uint32_t slots_reached_ = 0;
  Repeats* entries_ = nullptr;
  uint32_t* places_ = nullptr;  // and one
  Reservation entry_memory_;
  Reservation place_memory_;
};

}  // namespace tunmeter
