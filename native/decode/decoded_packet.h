// A packet after decoding: what the flow table needs of it and nothing else.
//
// Made by decode() in one pass over the captured bytes; no later stage looks at packet bytes again.
// A packet that is no part of a session carries the one reason why.
#pragma once

#include <cstdint>

#include "table/flow_key.h"

namespace tunmeter {

// Why a packet is other traffic. Mirrored by OTHER_REASONS in src/meter/capture/counters.ts; the addon
// hands over the names and loading fails when they differ.
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
  kTruncated,       // the snaplen cut a header that is needed
  kBadHeader,       // a length or version that cannot be
  kFragment,        // a later fragment without a first one
  kExtensionLimit,  // more IPv6 extension headers than anybody sends
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
  kFirstFragment,  // the same, and later fragments with fragment_id will follow
  kLaterFragment,  // key holds the addresses, ports are 0
  kIcmpError,      // other traffic; the key is that of the packet that it quotes
  kOther,
};

inline bool has_key(PacketKind kind) {
  return kind == PacketKind::kSession || kind == PacketKind::kFirstFragment ||
         kind == PacketKind::kIcmpError;
}

enum TcpFlag : uint8_t { kFin = 0x01, kSyn = 0x02, kRst = 0x04, kPsh = 0x08, kAck = 0x10 };

// A packet without a time of its own: that of the packet before it.
inline constexpr int64_t kNoTime = INT64_MIN;

struct DecodedPacket {
  FlowKey key;
  int64_t time_us;   // since the Unix epoch, >= 0; or kNoTime
  uint64_t hash;     // has_key(): of the key
  uint32_t bytes;    // docs/accuracy.md: the IP length, or what is left of the wire length
  uint32_t payload;  // less IP and transport headers
  uint32_t tcp_sequence;
  uint32_t tcp_acknowledgement;
  uint32_t fragment_id;
  uint32_t
      slot_hint;  // where the flow was when the batch was looked up; checked before it is believed
  PacketKind kind;
  OtherReason reason;    // kOther, kIcmpError
  uint8_t tcp_flags;     // 0 when the snaplen cut them off
  bool tcp_flags_known;  // and so are the two numbers
  uint16_t interface;    // RawPacket's
  bool from_b;  // the sender is endpoint b of the key; of an ICMP error: of the quoted packet
};

}  // namespace tunmeter
