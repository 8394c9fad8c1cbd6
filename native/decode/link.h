// Link layer: finds the IP header, or the reason why there is none.
//
// Understands RAW, NULL/LOOP, Ethernet II and 802.3 LLC/SNAP, VLAN tags, 802.1ah, FabricPath,
// MACsec without encryption, VN-tag, E-tag, MPLS, PPPoE, PPP, Cisco HDLC, IP over InfiniBand, Linux
// cooked v1/v2 and NFLOG. Tags are not part of a flow's key.
#pragma once

#include <algorithm>
#include <cstdint>

#include "decode/decoded_packet.h"
#include "source/packet.h"

namespace tunmeter {

inline constexpr int kTagsMax = 8;  // VLAN tags, 802.1ah and the like together
inline constexpr int kMplsLabelsMax = 8;

struct LinkResult {
  uint32_t offset;      // of the IP header, or of the header that could not be read
  uint32_t wire_bytes;  // the packet's length on the wire, from the link header on; see read_link()
  uint8_t version;      // 4 or 6; 0: no IP, see `reason`
  OtherReason reason;
};

// wire_bytes of the result is at least captured_bytes, even if the file claims less. NFLOG: it ends
// with the payload attribute.
LinkResult read_link_header(const RawPacket& packet);

// Raw IP, the link type of tunnel interfaces, is handled here; other types have a header to walk.
inline LinkResult read_link(const RawPacket& packet) {
  if (packet.link_type == kLinkRaw && packet.captured_bytes > 0) {
    const uint32_t wire = std::max(packet.wire_bytes, packet.captured_bytes);
    const uint8_t nibble = packet.data[0] >> 4;
    if (nibble == 4 || nibble == 6) return {0, wire, nibble, OtherReason::kOtherIp};
  }
  return read_link_header(packet);
}

}  // namespace tunmeter
