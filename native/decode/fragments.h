// Fragmented datagrams: the flow to which later fragments belong.
//
// A datagram is identified by its addresses, its identification and, in IPv4 only, its protocol
// (RFC 791; RFC 8200). Its entry is in one of three states:
//
//   pending      only later fragments came so far: they are counted here, nowhere else yet
//   head         the first fragment came and has a flow: later ones are counted there
//   no session   the first fragment came and has no flow: later ones are other traffic
//
// Bound: fragmentsMax entries (default 4,096); beyond it the one touched longest ago is dropped. An
// entry lives for 30 s of engine time after its last fragment. Memory is reserved once; no packet
// allocates any.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/engine_counters.h"
#include "table/flow_table.h"

namespace tunmeter {

inline constexpr int64_t kFragmentTimeoutUs = 30'000'000;

enum class DatagramState : uint8_t { kPending, kHead, kNoSession };

struct Datagram {
  FlowKey key;   // from fragment_key()
  FlowKey flow;  // kHead
  int64_t touched_us;
  int64_t first_us;  // kPending: earliest packet time
  int64_t last_us;   // kPending: latest packet time
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
  // ok() is false when its memory could not be reserved.
  FragmentTable(uint32_t entries_max, const HashKey& hash_key, EngineCounters& counters);

  bool ok() const { return ok_; }

  // The fragment's datagram, touched now; a new one is kPending.
  Datagram& touch(const FlowKey& key, int64_t now_us);
  // Drops datagrams that were touched more than 30 s before `now_us`.
  void expire(int64_t now_us);
  // Drops all.
  void clear();
  // Takes the datagram's pending fragments out of the gauge `pending`.
  Traffic take_pending(Datagram& datagram);
  // The same, and counts them as other traffic.
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
  bool ok_ = false;
  const HashKey& hash_key_;
  EngineCounters& counters_;
  uint32_t bucket_mask_ = 0;
  uint32_t size_ = 0;
  uint32_t used_ = 0;
  uint32_t free_ = kNone;
  uint32_t newest_ = kNone;
  uint32_t oldest_ = kNone;
  Reservation memory_;
  Reservation bucket_memory_;  // each bucket's first entry + 1; 0: none
};

}  // namespace tunmeter
