// Link layer: from the first captured byte to the IP header, or the reason why there is none.
//
// Reads through RAW, NULL/LOOP, Ethernet II and 802.3 LLC/SNAP, VLAN tags, 802.1ah, VN-tag, E-tag,
// MPLS, PPPoE, PPP, Cisco HDLC, Linux cooked v1/v2 and NFLOG. Tags are no part of a flow's key.
#pragma once

#include <algorithm>
#include <cstdint>

#include "decode/decoded_packet.h"
#include "source/packet.h"

namespace tunmeter {

inline constexpr int kTagsMax = 8;  // VLAN tags, 802.1ah and the like together
inline constexpr int kMplsLabelsMax = 8;

struct LinkResult {
  uint32_t offset;      // of the IP header; else of what could not be read
  uint32_t wire_bytes;  // the packet's length on the wire, from the link header on; see read_link()
  uint8_t version;      // 4 or 6; 0: no IP, and `reason` says what it is
  OtherReason reason;
};

// wire_bytes of the result is max(wire, captured): a file that claims less than it holds is
// believed in what it holds. NFLOG: up to the end of the payload attribute.
LinkResult read_link_header(const RawPacket& packet);

// Raw IP, what a tunnel's interface gives, is read in place; everything else has a header to walk.
inline LinkResult read_link(const RawPacket& packet) {
  if (packet.link_type == kLinkRaw && packet.captured_bytes > 0) {
    const uint32_t wire = std::max(packet.wire_bytes, packet.captured_bytes);
    const uint8_t nibble = packet.data[0] >> 4;
    if (nibble == 4 || nibble == 6) return {0, wire, nibble, OtherReason::kOtherIp};
  }
  return read_link_header(packet);
}

}  // namespace tunmeter
