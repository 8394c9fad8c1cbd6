#include "table/timer_wheel.h"

#include <algorithm>
#include <iterator>

namespace tunmeter {

TimerWheel::TimerWheel(uint32_t flows_max) {
  // Room for all entries, a block begun in each bucket, and another while a bucket is handled.
  const size_t blocks = (kEntriesPerSlotMax + 1) * (size_t{flows_max} / kBlockEntries + 1);
  memory_.reserve((blocks + 2 * kWheelBuckets) * sizeof(Block));
  clear();
}

TimerWheel::~TimerWheel() = default;

void TimerWheel::clear() {
  std::fill(std::begin(heads_), std::end(heads_), kNoBlock);
  memory_.clear();
  entries_ = 0;
  blocks_made_ = 0;
  free_block_ = kNoBlock;
}

uint32_t TimerWheel::take_block() {
  uint32_t i = free_block_;
  if (i != kNoBlock) {
    free_block_ = block(i).next;
  } else {
    i = blocks_made_++;
  }
  block(i).count = 0;
  return i;
}

void TimerWheel::push(uint32_t bucket, uint32_t slot) {
  uint32_t head = heads_[bucket];
  if (head == kNoBlock || block(head).count == kBlockEntries) {
    const uint32_t fresh = take_block();
    block(fresh).next = head;
    heads_[bucket] = head = fresh;
  }
  Block& b = block(head);
  b.slots[b.count++] = slot;
  entries_++;
}

void TimerWheel::arm(FlowTable& table, uint32_t slot, int64_t tick, int64_t now_tick) {
  tick = std::min(tick, now_tick + kWheelBuckets - 1);
  FlowSlot& s = table.slot(slot);
  const uint16_t ahead = static_cast<uint16_t>(tick - now_tick);
  const uint16_t armed_ahead =
      static_cast<uint16_t>(s.timer_tick - static_cast<uint16_t>(now_tick));
  // An earlier entry suffices: its check finds the deadline and arms again.
  if (s.has_timer && armed_ahead <= ahead) return;
  const uint64_t bound = uint64_t{kEntriesPerSlotMax} * table.slots_used();
  // While a bucket is handled, each check that arms has used up an entry.
  if (entries_ >= bound && !handling_) rebuild(table);
  s.timer_tick = static_cast<uint16_t>(tick);
  s.has_timer = 1;
  push(static_cast<uint32_t>(tick) & (kWheelBuckets - 1), slot);
}

// One valid entry a slot is left, so at least kEntriesPerSlotMax - 1 arms a slot pass until the
// next rebuild.
void TimerWheel::rebuild(FlowTable& table) {
  clear();
  for (uint32_t i = 0; i < table.slots_used(); i++) {
    const FlowSlot& s = table.slot(i);
    if (s.has_timer) push(s.timer_tick & (kWheelBuckets - 1), i);
  }
}

const char* TimerWheel::check(const FlowTable& table) const {
  uint64_t valid = 0;
  uint64_t all = 0;
  for (uint32_t bucket = 0; bucket < kWheelBuckets; bucket++) {
    for (uint32_t at = heads_[bucket]; at != kNoBlock; at = block(at).next) {
      const Block& b = block(at);
      all += b.count;
      for (uint32_t i = 0; i < b.count; i++) {
        const FlowSlot& s = table.slot(b.slots[i]);
        if (s.has_timer && (s.timer_tick & (kWheelBuckets - 1)) == bucket) valid++;
      }
    }
  }
  if (all != entries_) return "timer entries differ from their count";
  uint64_t armed = 0;
  for (uint32_t i = 0; i < table.slots_used(); i++) {
    const FlowSlot& s = table.slot(i);
    armed += s.has_timer;
    if (s.live() && !s.has_timer) return "a live flow has no timer entry";
  }
  return valid >= armed ? nullptr : "a timer entry is missing";
}

}  // namespace tunmeter
