// One flow: 128 bytes in two aligned cache lines.
//
//   byte   0      8                        40         48         56           72            88
//          | key0 | key1..4 (IPv4: TCP 24) | first_us | last_us  | bytes[2]   | payload[2]  |
//   byte  88                       104                112                  120            128
//          | packets[2] + TCP bits | activity + timer | due/closed + state | sequence + id |
//
// Index 0 of a pair is tx (initiator -> responder), 1 is rx.
//
// Engine times have 48 bits and compare modulo 2^48 (4.4 years each way). That suffices: timeouts
// are at most one year, and the timer wheel checks every flow at least every 102.3 s of engine
// time, so compared times are never further apart. Packet times can be anything and have 64 bits.
#pragma once

#include <cstdint>

#include "table/flow_key.h"

namespace tunmeter {

// Zeek's endpoint states (src/analyzer/protocol/tcp/TCP_Endpoint.h), the source of conn_state.
enum class EndpointState : uint8_t {
  kInactive,
  kSynSent,
  kSynAckSent,
  kPartial,
  kEstablished,
  kClosed,
  kReset,
};

// The idle timeout in force. A TCP session leaves its handshake with the first packet without SYN
// and RST. It is half closed from its first FIN on.
enum class IdleState : uint8_t { kHandshake, kEstablished, kHalfClosed, kUdp };

enum class RttState : uint8_t { kNone, kSynSeen, kKnown, kNever };

// TCP's numbers. For IPv4 they are in the unused part of the key. An IPv6 slot has no room, so they
// are beside the table (FlowTable::tcp_facts).
struct TcpFacts {
  int64_t syn_us_or_rtt;  // by RttState: time of the initiator's latest SYN, or the round-trip time
  uint32_t sequence[2];   // of each direction's latest SYN
  uint32_t next[2];       // by direction: the number after the highest seen (FlowSlot::numbers)
};
static_assert(sizeof(TcpFacts) == 24);

inline constexpr uint64_t kTime48Mask = (uint64_t{1} << 48) - 1;

// a - b of two 48-bit engine times.
inline int64_t time48_difference(uint64_t a, uint64_t b) {
  return static_cast<int64_t>((a - b) << 16) >> 16;
}

// FlowSlot::numbers, shifted by the direction: a sequence number is known; the highest is not
// acknowledged.
inline constexpr uint64_t kFollowed = 1;
inline constexpr uint64_t kUnanswered = 4;

struct alignas(64) FlowSlot {
  FlowKey key;  // words[0] == 0: free, and words[1] is the next free slot
  int64_t first_us;
  int64_t last_us;
  uint64_t bytes[2];
  uint64_t payload[2];
  struct {
    uint64_t tcp_flags : 8;
    uint64_t state : 3;  // EndpointState
    uint64_t prev_state : 3;
    uint64_t fin : 1;
    uint64_t syn_recorded : 1;
    uint64_t packets : 48;
  } side[2];
  uint64_t
      timer_tick : 16;  // of the earliest timer entry of this slot, modulo 2^16; survives the flow
  uint64_t activity : 48;  // engine time of the latest packet
  uint64_t has_timer : 1;  // a timer entry exists
  uint64_t closed : 1;
  uint64_t reported : 1;  // closed, and its final record was emitted early
  uint64_t dirty : 1;     // a packet came since the last record
  uint64_t midstream : 1;
  uint64_t icmp_error : 1;
  uint64_t idle_state : 2;   // IdleState
  uint64_t history_bad : 1;  // see RSTOS0 in tcp_state.cc
  uint64_t history_rst : 1;
  uint64_t rtt_state : 2;
  uint64_t basis : 2;  // DirectionBasis
  uint64_t initiator_is_b : 1;
  uint64_t repeats : 1;         // the flow has an entry in FlowTable::repeats
  uint64_t due_or_closed : 48;  // closed: engine time of the close; else of the next interim
                                // record
  uint64_t clock : 3;           // the latest packet's (PacketClocks), for engine times
  uint64_t waiting_syn : 13;    // 1 + index in Engine::waiting_syns_; 0: none
  uint64_t numbers : 4;         // by direction: kFollowed, kUnanswered
  uint64_t start_said : 1;      // a record was emitted, so first_us no longer changes
  uint64_t sequence : 43;

  bool live() const { return key.words[0] != 0; }
  bool is_tcp() const { return key.protocol() == 6; }
};
static_assert(sizeof(FlowSlot) == 128);

}  // namespace tunmeter
