// Fragmented datagrams: which flow their later fragments belong to.
//
// A datagram is known by its addresses, protocol (IPv4 only, RFC 791; RFC 8200 has none) and
// identification. Its entry is in one of three states:
//
//   pending      later fragments came, the first has not: they are counted here, nowhere else yet
//   head         the first fragment came and is of a flow: later ones are counted there
//   no session   the first fragment came and is of no flow: later ones are other traffic
//
// Bound: fragments_max entries; the one touched longest ago goes first. Entries live for 30 s of
// engine time after the last fragment. Memory is reserved once and touched as it is used; nothing
// is allocated per packet.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/engine_counters.h"
#include "table/flow_table.h"

namespace tunmeter {

inline constexpr int64_t kFragmentTimeoutUs = 30'000'000;

enum class DatagramState : uint8_t { kPending, kHead, kNoSession };

struct Datagram {
  FlowKey key;   // as made by fragment_key()
  FlowKey flow;  // kHead
  int64_t touched_us;
  int64_t first_us;  // kPending: earliest and latest packet time
  int64_t last_us;
  Traffic pending;
  uint64_t payload;
  uint32_t next_in_bucket;
  uint32_t newer;
  uint32_t older;
  DatagramState state;
  bool from_b;  // kHead: the sender is endpoint b of `flow`
};

FlowKey fragment_key(const DecodedPacket& packet);

class FragmentTable {
 public:
  FragmentTable(uint32_t entries_max, const HashKey& hash_key, EngineCounters& counters);

  // The datagram of this fragment, touched now; made in state kPending when there is none.
  Datagram& touch(const FlowKey& key, int64_t now_us);
  // What was touched last was touched at `now_us`, as is known by now.
  void renew_newest(int64_t now_us);
  // Drops what was touched more than 30 s before `now_us`.
  void expire(int64_t now_us);
  // Drops all.
  void clear();
  // Takes the datagram's pending fragments out of the pending gauge.
  Traffic take_pending(Datagram& datagram);
  // The same, counting them as other traffic.
  void give_up_pending(Datagram& datagram);

  uint32_t size() const { return size_; }
  size_t memory_bytes() const;
  const char* check() const;

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  uint32_t* bucket(const FlowKey& key) {
    return &buckets()[hash_tag(hash_key(hash_key_, key)) & bucket_mask_];
  }
  uint32_t* buckets() { return reinterpret_cast<uint32_t*>(bucket_memory_.data()); }
  const uint32_t* buckets() const {
    return reinterpret_cast<const uint32_t*>(bucket_memory_.data());
  }
  Datagram& at(uint32_t i) { return reinterpret_cast<Datagram*>(memory_.data())[i]; }
  const Datagram& at(uint32_t i) const {
    return reinterpret_cast<const Datagram*>(memory_.data())[i];
  }
  uint32_t find(const FlowKey& key);
  void drop(uint32_t i);
  void link_newest(uint32_t i);
  void unlink(uint32_t i);

  const uint32_t entries_max_;
  const HashKey& hash_key_;
  EngineCounters& counters_;
  uint32_t bucket_mask_ = 0;
  uint32_t size_ = 0;
  uint32_t used_ = 0;
  uint32_t free_ = kNone;
  uint32_t newest_ = kNone;
  uint32_t oldest_ = kNone;
  Reservation memory_;
  Reservation bucket_memory_;  // entry + 1 of each bucket's first; 0: none
};

}  // namespace tunmeter
