// One flow: 128 bytes, two cache lines, aligned to them.
//
//   byte   0      8                        40         48         56           72            88
//          | key0 | key1..4 (IPv4: TCP 24) | first_us | last_us  | bytes[2]   | payload[2]  |
//   byte  88                       104                112                  120            128
//          | packets[2] + TCP bits | activity + timer | due/closed + state | sequence + id |
//
// Index 0 of a pair is tx (initiator -> responder), 1 is rx.
//
// Engine times are kept in 48 bits and compared modulo 2^48 (4.4 years each way): no timeout is
// longer than a year, and the timer wheel checks every flow at least every 100 s of engine time,
// so no two that are compared are further apart. Packet times may be anything and are kept whole.
#pragma once

#include <cstdint>

#include "table/flow_key.h"

namespace tunmeter {

// Zeek's endpoint states (src/analyzer/protocol/tcp/TCP_Endpoint.h), which conn_state is made from.
enum class EndpointState : uint8_t {
  kInactive,
  kSynSent,
  kSynAckSent,
  kPartial,
  kEstablished,
  kClosed,
  kReset,
};

// Which idle timeout holds. A TCP session is out of its handshake with the first packet that has no
// SYN and no RST, and half closed with the first FIN, for good.
enum class IdleState : uint8_t { kHandshake, kEstablished, kHalfClosed, kUdp };

enum class RttState : uint8_t { kNone, kSynSeen, kKnown, kNever };

// TCP's numbers. They do not fit into an IPv6 slot, so they are beside the table there
// (FlowTable::tcp_facts) and in the unused part of the addresses for IPv4.
struct TcpFacts {
  int64_t syn_us_or_rtt;  // by RttState: time of the initiator's latest SYN, or the round-trip time
  uint32_t sequence[2];   // of each direction's latest SYN
  uint32_t next[2];  // the number after the highest seen of each direction (FlowSlot::followed)
};
static_assert(sizeof(TcpFacts) == 24);

inline constexpr uint64_t kTime48Mask = (uint64_t{1} << 48) - 1;

// a - b of two engine times kept in 48 bits.
inline int64_t time48_difference(uint64_t a, uint64_t b) {
  return static_cast<int64_t>((a - b) << 16) >> 16;
}

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
  uint64_t reported : 1;  // closed, and its final record has gone out early
  uint64_t dirty : 1;     // a packet came since the last record
  uint64_t midstream : 1;
  uint64_t icmp_error : 1;
  uint64_t idle_state : 2;   // IdleState
  uint64_t history_bad : 1;  // see RSTOS0 in tcp_state.cc
  uint64_t history_rst : 1;
  uint64_t rtt_state : 2;
  uint64_t basis : 2;  // DirectionBasis
  uint64_t initiator_is_b : 1;
  uint64_t repeats : 1;         // it has an entry among the repeats (FlowTable::repeats)
  uint64_t due_or_closed : 48;  // closed: engine time of the close; else when the next interim
                                // record is due
  uint64_t clock : 3;           // of the latest packet (PacketClocks); its times are in that
  uint64_t waiting_syn : 13;    // its place among the SYNs that wait for an answer; 0: none
  uint64_t followed : 2;        // of each direction a sequence number is known
  uint64_t start_said : 1;      // a record has gone out: its start is the session's for good
  uint64_t sequence : 45;

  bool live() const { return key.words[0] != 0; }
  bool is_tcp() const { return key.protocol() == 6; }
};
static_assert(sizeof(FlowSlot) == 128);

}  // namespace tunmeter
