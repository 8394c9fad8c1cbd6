// A decoded packet: the fields that the flow table needs, and nothing else.
//
// decode() makes it in one pass over the captured bytes; no later stage reads packet bytes. A
// packet outside sessions carries one reason.
#pragma once

#include <cstdint>

#include "table/flow_key.h"

namespace tunmeter {

// The reason why a packet is other traffic. OTHER_REASONS in src/meter/capture/counters.ts has the
// same names; loading the addon compares them and fails when they differ.
enum class OtherReason : uint8_t {
  kIcmp,
  kIcmpv6,
  kIgmp,
  kEsp,
  kGre,
  kSctp,
  kOtherIp,
  kArp,
  kNonIp,
  kUnknownLink,
  kTruncated,       // the snaplen cut a header
  kBadHeader,       // an impossible length or version
  kFragment,        // a later fragment without its first one, or without a session
  kExtensionLimit,  // more than kExtensionHeadersMax (16) IPv6 extension headers
  kStray,           // TCP that belongs to no session and opens none
  kCount,
};
inline constexpr int kOtherReasonCount = static_cast<int>(OtherReason::kCount);
inline constexpr const char* kOtherReasonNames[kOtherReasonCount] = {
    "icmp", "icmpv6", "igmp",        "esp",       "gre",       "sctp",     "otherIp",
    "arp",  "nonIp",  "unknownLink", "truncated", "badHeader", "fragment", "extensionLimit",
    "stray"};

enum class PacketKind : uint8_t {
  kSession,        // TCP or UDP with ports: key, flags and payload are set
  kFirstFragment,  // as kSession, and later fragments with fragment_id follow
  kLaterFragment,  // key holds the addresses, ports are 0
  kIcmpError,      // other traffic; `key` is that of the quoted packet
  kOther,
};

inline bool has_key(PacketKind kind) {
  return kind == PacketKind::kSession || kind == PacketKind::kFirstFragment ||
         kind == PacketKind::kIcmpError;
}

enum TcpFlag : uint8_t { kFin = 0x01, kSyn = 0x02, kRst = 0x04, kPsh = 0x08, kAck = 0x10 };

// The time of a packet that has none; the engine uses that of the packet before it.
inline constexpr int64_t kNoTime = INT64_MIN;

struct DecodedPacket {
  FlowKey key;
  int64_t time_us;   // since the Unix epoch, >= 0; or kNoTime
  uint64_t hash;     // of `key`, if has_key()
  uint32_t bytes;    // the IP length, or the rest of the wire length (decode.h)
  uint32_t payload;  // without IP and transport headers
  uint32_t tcp_sequence;
  uint32_t tcp_acknowledgement;
  uint32_t fragment_id;
  // The flow's slot when the batch was looked up: a hint that must be checked.
  uint32_t slot_hint;
  PacketKind kind;
  OtherReason reason;    // kOther, kIcmpError
  uint8_t tcp_flags;     // 0 when the snaplen cut them off
  bool tcp_flags_known;  // also for the sequence and acknowledgement numbers
  uint16_t interface;    // RawPacket's
  bool from_b;  // the sender is endpoint b of the key; in an ICMP error: the quoted packet's sender
};

}  // namespace tunmeter
