// The timer wheel: when to check a slot again. The flow's own fields decide the outcome of the
// check.
//
//   bucket of a tick (100 ms)   -> block {next, count, slot, slot, ...} -> block -> none
//
// An entry is only a slot number. A slot has the tick of its earliest entry (FlowSlot::timer_tick,
// has_timer). An entry of another tick is stale and skipped. A packet never touches the wheel: it
// moves the flow's deadline, and a check that finds the deadline moved arms the next one. An entry
// outlives its flow, and serves the slot's next flow if it is early enough.
//
// Limits: 1024 buckets, so a check is at most 102.3 s ahead; flows with later deadlines are checked
// on the way. At most kEntriesPerSlotMax entries for each slot ever used; beyond that rebuild()
// drops stale ones.
#pragma once

#include <cstddef>
#include <cstdint>

#include "table/flow_table.h"

namespace tunmeter {

inline constexpr int64_t kTickUs = 100'000;
inline constexpr uint32_t kWheelBuckets = 1024;
inline constexpr uint32_t kEntriesPerSlotMax = 4;

class TimerWheel {
 public:
  explicit TimerWheel(uint32_t flows_max);
  ~TimerWheel();
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Checks the slot when `tick` is handled, or earlier if `tick` is beyond the last bucket.
  // `now_tick` is the last handled tick; `tick` > `now_tick`.
  void arm(FlowTable& table, uint32_t slot, int64_t tick, int64_t now_tick);

  // Calls on_check(slot) for each valid entry of the bucket of `tick` and empties the bucket.
  // on_check() must not arm for `tick` itself.
  template <typename Check>
  void handle(FlowTable& table, int64_t tick, Check on_check);

  // False when its memory could not be reserved.
  bool ok() const { return memory_.data() != nullptr; }
  bool empty() const { return entries_ == 0; }
  void clear();
  size_t memory_bytes() const { return blocks_made_ * sizeof(Block); }
  // Null, or the invariant that is broken. Each live slot must have a check armed, with an entry in
  // that bucket.
  const char* check(const FlowTable& table) const;

 private:
  static constexpr uint32_t kBlockEntries = 124;
  static constexpr uint32_t kNoBlock = UINT32_MAX;
  struct Block {
    uint32_t next;
    uint32_t count;
    uint32_t slots[kBlockEntries];
  };

  void push(uint32_t bucket, uint32_t slot);
  uint32_t take_block();
  void rebuild(FlowTable& table);
  Block& block(uint32_t i) { return reinterpret_cast<Block*>(memory_.data())[i]; }
  const Block& block(uint32_t i) const { return reinterpret_cast<const Block*>(memory_.data())[i]; }

  Reservation memory_;
  uint32_t heads_[kWheelBuckets];
  uint64_t entries_ = 0;
  uint32_t blocks_made_ = 0;
  uint32_t free_block_ = kNoBlock;
  bool handling_ = false;
};

template <typename Check>
void TimerWheel::handle(FlowTable& table, int64_t tick, Check on_check) {
  const uint32_t bucket = static_cast<uint32_t>(tick) & (kWheelBuckets - 1);
  uint32_t at = heads_[bucket];
  if (at == kNoBlock) return;
  heads_[bucket] = kNoBlock;
  const uint16_t tick16 = static_cast<uint16_t>(tick);
  handling_ = true;
  while (at != kNoBlock) {
    Block& b = block(at);
    constexpr uint32_t kAhead = 16;
    for (uint32_t i = 0; i < b.count; i++) {
      if (i + kAhead < b.count) {
        const auto* ahead = reinterpret_cast<const uint8_t*>(&table.slot(b.slots[i + kAhead]));
        __builtin_prefetch(ahead);
        __builtin_prefetch(ahead + 64);
      }
      FlowSlot& slot = table.slot(b.slots[i]);
      const bool stale = !slot.has_timer || slot.timer_tick != tick16;
      if (stale) continue;
      slot.has_timer = 0;
      if (slot.live()) on_check(b.slots[i]);
    }
    entries_ -= b.count;
    const uint32_t next = b.next;
    b.next = free_block_;
    free_block_ = at;
    at = next;
  }
  handling_ = false;
}

}  // namespace tunmeter
