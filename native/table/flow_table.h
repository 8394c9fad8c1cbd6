// The flow table: slots in one block of memory, found through an open-addressing index.
//
//   index   [ {slot 17, tag 9d..} | {free} | {slot 3, tag 9e..} | ... ]   8 B an entry
//   slots   [ flow | flow | free -> 7 | flow | ... ]                      128 B each, never moved
//
// The tag is the upper half of the key's hash. The tag as a fraction of 2^32 is the entry's home as
// a fraction of the index. Entries probe linearly. A deletion shifts later entries back, so there
// are no tombstones and a miss ends at the first free entry. The index grows when it is 7/8 full:
// it doubles up to 128 k entries and then grows by a quarter, because every flow pays for its
// memory. Growing is one pass, because homes keep their order.
//
// Slots are address space reserved for flows_max; the first use of a page makes it memory. Freed
// slots are reused last in, first out, while they are in the cache. TCP facts of IPv6 flows are in
// a second such block.
//
// Invariants (check()):
//   1. every live slot has exactly one index entry, with the tag of its key, and no free entry
//      between its home and it.
//   2. no two live slots have the same key.
//   3. live + free list = slots ever used; live <= flows_max.
#pragma once

#include <cstddef>
#include <cstdint>

#include "table/flow_slot.h"
#include "table/repeats.h"
#include "table/reservation.h"

namespace tunmeter {

inline constexpr uint32_t kNoSlot = UINT32_MAX;

class FlowTable {
 public:
  // ok() is false when no address space could be reserved.
  explicit FlowTable(uint32_t flows_max);
  ~FlowTable();
  FlowTable(const FlowTable&) = delete;
  FlowTable& operator=(const FlowTable&) = delete;

  bool ok() const { return ok_; }
  const HashKey& hash_secrets() const { return hash_key_; }
  uint32_t size() const { return size_; }
  bool full() const { return size_ >= flows_max_; }
  // Slots 0 .. slots_used() - 1 were used at some time; live() tells which of them are in use.
  uint32_t slots_used() const { return slots_used_; }
  FlowSlot& slot(uint32_t i) { return slots_[i]; }
  const FlowSlot& slot(uint32_t i) const { return slots_[i]; }

  // Only for a slot with FlowSlot::repeats set.
  Repeats& repeats(uint32_t i) { return repeats_.of(i); }
  const Repeats& repeats(uint32_t i) const { return repeats_.of(i); }
  // Null when the bound of entries is reached.
  Repeats* add_repeats(uint32_t i) { return repeats_.add(i); }

  TcpFacts& tcp_facts(uint32_t i) {
    if (slots_[i].key.family() == 4) return *reinterpret_cast<TcpFacts*>(&slots_[i].key.words[2]);
    tcp_facts6_used_ = true;
    return tcp_facts6_[i];
  }

  uint64_t hash_of(uint32_t i) const { return hash_key(hash_key_, slots_[i].key); }
  void prefetch_index(uint64_t hash) const { __builtin_prefetch(&index_[home(hash_tag(hash))]); }
  // Prefetches and returns the slot that a key with this hash probably has. A hint: no key is
  // compared.
  uint32_t prefetch_slot(uint64_t hash) const;
  bool holds(uint32_t slot, const FlowKey& key) const;
  uint32_t find(const FlowKey& key, uint64_t hash) const;

  // The key must not be in the table, and the table must not be full. The slot is zero except for
  // its key and its timer entry.
  uint32_t insert(const FlowKey& key, uint64_t hash);
  void erase(uint32_t slot);
  // Erases all flows.
  void clear();
  // Frees the index, for the sort at the end of the input. No find() or insert() before clear().
  void drop_index();

  size_t memory_bytes() const;
  // Null, or the invariant that is broken.
  const char* check() const;

 private:
  struct Entry {
    uint32_t slot;  // slot + 1; 0: free
    uint32_t tag;
  };

  bool same_key(const FlowSlot& slot, const FlowKey& key) const;
  uint32_t position_of(uint32_t slot, uint32_t tag) const;
  uint32_t home(uint32_t tag) const {
    return static_cast<uint32_t>((uint64_t{tag} * index_entries_) >> 32);
  }
  uint32_t after(uint32_t at) const { return at + 1 == index_entries_ ? 0 : at + 1; }
  // The number of steps from one place of the index to another.
  uint32_t steps(uint32_t from, uint32_t to) const {
    return to >= from ? to - from : to + index_entries_ - from;
  }
  bool allocate_index(uint32_t entries);
  void grow_index();

  uint32_t flows_max_;  // fewer where the index found no room to grow
  bool ok_ = false;
  HashKey hash_key_;
  FlowSlot* slots_ = nullptr;
  TcpFacts* tcp_facts6_ = nullptr;
  Entry* index_ = nullptr;
  uint32_t index_entries_ = 0;
  uint32_t index_limit_ = 0;
  uint32_t size_ = 0;
  uint32_t slots_used_ = 0;
  uint32_t free_head_ = kNoSlot;
  bool tcp_facts6_used_ = false;
  RepeatTable repeats_;
  Reservation slot_memory_;
  Reservation facts_memory_;
  Reservation index_memory_;
};

}  // namespace tunmeter
