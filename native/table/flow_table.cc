#include "table/flow_table.h"

#include <sys/random.h>

namespace tunmeter {
namespace {

// Prefetches both cache lines for writing.
inline void prefetch(const FlowSlot* slot) {
  __builtin_prefetch(slot, 1);
  __builtin_prefetch(reinterpret_cast<const uint8_t*>(slot) + 64, 1);
}

constexpr uint32_t kIndexEntriesMin = 1024;
constexpr uint32_t kIndexDoublesTo = 128 * 1024;
constexpr uint32_t kHugePagesFromSlots = 8 * 1024;
constexpr size_t kHugePagesFromIndexBytes = 512u << 10;

}  // namespace

FlowTable::FlowTable(uint32_t flows_max) : flows_max_(flows_max), repeats_(flows_max) {
  auto* secrets = reinterpret_cast<uint8_t*>(&hash_key_);
  size_t have = 0;
  while (have < sizeof(hash_key_)) {
    const ssize_t got = getrandom(secrets + have, sizeof(hash_key_) - have, 0);
    if (got <= 0) return;
    have += static_cast<size_t>(got);
  }
  ok_ = slot_memory_.reserve(size_t{flows_max} * sizeof(FlowSlot)) &&
        facts_memory_.reserve(size_t{flows_max} * sizeof(TcpFacts)) && repeats_.ok() &&
        allocate_index(kIndexEntriesMin);
  slots_ = reinterpret_cast<FlowSlot*>(slot_memory_.data());
  tcp_facts6_ = reinterpret_cast<TcpFacts*>(facts_memory_.data());
}

FlowTable::~FlowTable() = default;

bool FlowTable::allocate_index(uint32_t entries) {
  if (!index_memory_.reserve(size_t{entries} * sizeof(Entry))) return false;
  index_ = reinterpret_cast<Entry*>(index_memory_.data());
  if (index_memory_.bytes() >= kHugePagesFromIndexBytes) index_memory_.use_huge_pages(0);
  // Entries hold slot + 1, so the kernel's zero pages are an empty index.
  index_entries_ = entries;
  index_limit_ = entries / 8 * 7;
  return true;
}

bool FlowTable::same_key(const FlowSlot& slot, const FlowKey& key) const {
  const uint64_t* a = slot.key.words;
  const uint64_t* b = key.words;
  const bool head = ((a[0] ^ b[0]) | (a[1] ^ b[1])) == 0;
  if (!head || key.family() == 4) return head;
  return ((a[2] ^ b[2]) | (a[3] ^ b[3]) | (a[4] ^ b[4])) == 0;
}

uint32_t FlowTable::prefetch_slot(uint64_t hash) const {
  const uint32_t tag = hash_tag(hash);
  for (uint32_t i = home(tag);; i = after(i)) {
    const Entry entry = index_[i];
    if (entry.slot == 0) return kNoSlot;
    if (entry.tag != tag) continue;
    prefetch(&slots_[entry.slot - 1]);
    if (tcp_facts6_used_) __builtin_prefetch(&tcp_facts6_[entry.slot - 1], 1);
    return entry.slot - 1;
  }
}

bool FlowTable::holds(uint32_t slot, const FlowKey& key) const {
  return slot < slots_used_ && same_key(slots_[slot], key);
}

uint32_t FlowTable::find(const FlowKey& key, uint64_t hash) const {
  const uint32_t tag = hash_tag(hash);
  for (uint32_t i = home(tag);; i = after(i)) {
    const Entry entry = index_[i];
    if (entry.slot == 0) return kNoSlot;
    if (entry.tag == tag && same_key(slots_[entry.slot - 1], key)) return entry.slot - 1;
  }
}

uint32_t FlowTable::insert(const FlowKey& key, uint64_t hash) {
  if (size_ >= index_limit_) grow_index();
  uint32_t i;
  if (free_head_ != kNoSlot) {
    i = free_head_;
    free_head_ = static_cast<uint32_t>(slots_[i].key.words[1]);
    if (free_head_ != kNoSlot) prefetch(&slots_[free_head_]);  // for the next insert
  } else {
    i = slots_used_++;
    if (slots_used_ == kHugePagesFromSlots) {
      slot_memory_.use_huge_pages(size_t{slots_used_} * sizeof(FlowSlot));
    }
  }
  FlowSlot& slot = slots_[i];
  const uint64_t timer_tick = slot.timer_tick;
  const uint64_t has_timer = slot.has_timer;
  slot = FlowSlot{};
  slot.timer_tick = timer_tick;
  slot.has_timer = has_timer;
  slot.key = key;
  if (key.family() == 6) tcp_facts(i) = TcpFacts{};
  const uint32_t tag = hash_tag(hash);
  uint32_t at = home(tag);
  while (index_[at].slot != 0) at = after(at);
  index_[at] = {i + 1, tag};
  size_++;
  return i;
}

uint32_t FlowTable::position_of(uint32_t slot, uint32_t tag) const {
  uint32_t at = home(tag);
  while (index_[at].slot != slot + 1) at = after(at);
  return at;
}

void FlowTable::erase(uint32_t slot) {
  uint32_t hole = position_of(slot, hash_tag(hash_of(slot)));
  // Backward shift: entries that probed past the hole move into it.
  for (uint32_t at = after(hole); index_[at].slot != 0; at = after(at)) {
    const bool probed_over_hole = steps(home(index_[at].tag), at) >= steps(hole, at);
    if (!probed_over_hole) continue;
    index_[hole] = index_[at];
    hole = at;
  }
  index_[hole].slot = 0;
  if (slots_[slot].repeats != 0) repeats_.erase(slot);
  slots_[slot].key.words[0] = 0;
  slots_[slot].key.words[1] = free_head_;
  free_head_ = slot;
  size_--;
}

void FlowTable::grow_index() {
  const uint32_t old_entries = index_entries_;
  const Entry* old = index_;
  Reservation old_memory;
  old_memory.swap(index_memory_);
  const uint32_t added_entries = old_entries < kIndexDoublesTo ? old_entries : old_entries / 4;
  if (!allocate_index(old_entries + added_entries)) {
    // No address space left: from here on the table is full.
    old_memory.swap(index_memory_);
    index_limit_ = flows_max_ = size_ + 1;
    return;
  }
  for (uint32_t i = 0; i < old_entries; i++) {
    if (old[i].slot == 0) continue;
    uint32_t at = home(old[i].tag);
    while (index_[at].slot != 0) at = after(at);
    index_[at] = old[i];
  }
}

void FlowTable::drop_index() { index_memory_.clear(); }

void FlowTable::clear() {
  slot_memory_.clear();
  facts_memory_.clear();
  repeats_.clear();
  size_ = slots_used_ = 0;
  free_head_ = kNoSlot;
  index_memory_.clear();
}

size_t FlowTable::memory_bytes() const {
  return size_t{slots_used_} * sizeof(FlowSlot) +
         (tcp_facts6_used_ ? size_t{slots_used_} * sizeof(TcpFacts) : 0) + index_memory_.bytes() +
         repeats_.memory_bytes();
}

const char* FlowTable::check() const {
  uint32_t live = 0;
  uint32_t with_repeats = 0;
  for (uint32_t i = 0; i < slots_used_; i++) {
    if (!slots_[i].live()) continue;
    live++;
    with_repeats += slots_[i].repeats;
    if (find(slots_[i].key, hash_key(hash_key_, slots_[i].key)) != i) {
      return "a live slot is not found by its key";
    }
  }
  if (live != size_) return "live slots differ from the count";
  if (with_repeats != repeats_.size()) return "entries of repeats differ from the flows with one";
  uint32_t entries = 0;
  for (uint32_t i = 0; i < index_entries_; i++) {
    if (index_[i].slot == 0) continue;
    entries++;
    if (!slots_[index_[i].slot - 1].live()) return "an index entry points at a free slot";
  }
  if (entries != size_) return "index entries differ from the count";
  uint32_t free = 0;
  for (uint32_t i = free_head_; i != kNoSlot; i = static_cast<uint32_t>(slots_[i].key.words[1])) {
    if (++free > slots_used_ || slots_[i].live()) return "the free list is broken";
  }
  if (free + live != slots_used_) return "free and live slots differ from those used";
  return size_ <= flows_max_ ? nullptr : "more flows than flows_max";
}

}  // namespace tunmeter
