#include "decode/fragments.h"

#include <bit>
#include <cstring>

namespace tunmeter {

// A FlowKey with the identification in place of the ports. The lowest bit is the direction, because
// a datagram goes one way.
FlowKey fragment_key(const DecodedPacket& packet) {
  FlowKey key = packet.key;
  // Between equal addresses the ports decide which end is b, and later fragments have none.
  const uint64_t direction = packet.from_b && !key.equal_addresses() ? 1 : 0;
  const uint64_t protocol = key.family() == 4 ? key.protocol() : 0;
  key.words[0] = (static_cast<uint64_t>(packet.fragment_id) << 32) | (protocol << 24) |
                 (static_cast<uint64_t>(key.family()) << 16) | direction;
  return key;
}

FragmentTable::FragmentTable(uint32_t entries_max, const HashKey& hash_key,
                             EngineCounters& counters)
    : entries_max_(entries_max), hash_key_(hash_key), counters_(counters) {
  const size_t buckets = std::bit_ceil(size_t{entries_max});
  bucket_mask_ = static_cast<uint32_t>(buckets - 1);
  ok_ = memory_.reserve(size_t{entries_max} * sizeof(Datagram)) &&
        bucket_memory_.reserve(buckets * sizeof(uint32_t));
}

uint32_t FragmentTable::find(const FlowKey& key) {
  uint32_t i = *bucket(key);
  while (i != 0 && std::memcmp(&at(i - 1).key, &key, sizeof(key)) != 0) {
    i = at(i - 1).next_in_bucket;
  }
  return i == 0 ? kNone : i - 1;
}

void FragmentTable::link_newest(uint32_t i) {
  at(i).newer = kNone;
  at(i).older = newest_;
  if (newest_ != kNone) at(newest_).newer = i;
  newest_ = i;
  if (oldest_ == kNone) oldest_ = i;
}

void FragmentTable::unlink(uint32_t i) {
  const Datagram& d = at(i);
  (d.newer == kNone ? newest_ : at(d.newer).older) = d.older;
  (d.older == kNone ? oldest_ : at(d.older).newer) = d.newer;
}

Datagram& FragmentTable::touch(const FlowKey& key, int64_t now_us) {
  uint32_t i = find(key);
  // Exact for this datagram; expire() drops the others at the next tick.
  if (i != kNone && now_us - at(i).touched_us > kFragmentTimeoutUs) {
    drop(i);
    i = kNone;
  }
  if (i != kNone) {
    unlink(i);
  } else {
    if (size_ == entries_max_) {
      counters_.fragment_evictions++;
      drop(oldest_);
    }
    i = free_;
    if (i != kNone) {
      free_ = at(i).next_in_bucket;
    } else {
      i = used_++;
    }
    uint32_t* head = bucket(key);
    Datagram& d = at(i);
    d = Datagram{};
    d.key = key;
    d.next_in_bucket = *head;
    *head = i + 1;
    size_++;
  }
  link_newest(i);
  at(i).touched_us = now_us;
  return at(i);
}

// Entries are in order of their last touch, and engine time never decreases, so the oldest decides.
void FragmentTable::expire(int64_t now_us) {
  while (oldest_ != kNone && now_us - at(oldest_).touched_us > kFragmentTimeoutUs) drop(oldest_);
}

void FragmentTable::clear() {
  while (oldest_ != kNone) drop(oldest_);
}

void FragmentTable::drop(uint32_t i) {
  Datagram& d = at(i);
  give_up_pending(d);
  uint32_t* link = bucket(d.key);
  while (*link != i + 1) link = &at(*link - 1).next_in_bucket;
  *link = d.next_in_bucket;
  unlink(i);
  d.next_in_bucket = free_;
  free_ = i;
  size_--;
}

Traffic FragmentTable::take_pending(Datagram& datagram) {
  const Traffic taken = datagram.pending;
  if (taken.packets == 0) return taken;
  counters_.pending -= taken;
  counters_.pending_datagrams--;
  datagram.pending = {};
  return taken;
}

void FragmentTable::give_up_pending(Datagram& datagram) {
  counters_.other[static_cast<int>(OtherReason::kFragment)] += take_pending(datagram);
}

size_t FragmentTable::memory_bytes() const {
  return size_t{used_} * sizeof(Datagram) + (used_ > 0 ? bucket_memory_.bytes() : 0);
}

const char* FragmentTable::check() const {
  uint32_t linked = 0;
  uint64_t pending = 0;
  for (uint32_t i = oldest_; i != kNone; i = at(i).newer) {
    if (++linked > size_) return "the fragment list is broken";
    const bool ordered = at(i).newer == kNone || at(at(i).newer).touched_us >= at(i).touched_us;
    if (!ordered) return "fragments are out of order";
    pending += at(i).pending.packets;
  }
  if (linked != size_) return "fragment entries differ from their count";
  return pending == counters_.pending.packets ? nullptr : "pending fragments differ from the gauge";
}

}  // namespace tunmeter
