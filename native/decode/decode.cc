#include "decode/decode.h"

#include <algorithm>

#include "decode/bytes.h"
#include "decode/ip.h"
#include "decode/link.h"

namespace tunmeter {
namespace {

constexpr uint32_t kPortsBytes = 4;
constexpr uint32_t kTcpHeaderMin = 20;
constexpr uint32_t kTcpFlagsEnd = 14;  // offset 12 is the data offset, 13 the flags
constexpr uint32_t kUdpHeader = 8;
constexpr uint32_t kIcmpHeader = 8;

int64_t time_us(int64_t timestamp_ns) {
  if (timestamp_ns == kNoTimestamp) return kNoTime;
  return static_cast<int64_t>(static_cast<uint64_t>(std::max<int64_t>(timestamp_ns, 0)) / 1000);
}

void set_other(DecodedPacket& out, OtherReason reason, uint32_t bytes) {
  out.kind = PacketKind::kOther;
  out.reason = reason;
  out.bytes = bytes;
}

inline void set_key(DecodedPacket& out, const uint8_t* ip, uint8_t version, uint32_t source_port,
                    uint32_t dest_port, uint8_t protocol) {
  if (version == 4) {
    out.from_b = make_key4(out.key, load_be32(ip + 12), load_be32(ip + 16), source_port, dest_port,
                           protocol);
    return;
  }
  const uint64_t source[2] = {load_be64(ip + 8), load_be64(ip + 16)};
  const uint64_t dest[2] = {load_be64(ip + 24), load_be64(ip + 32)};
  out.from_b = make_key6(out.key, source, dest, source_port, dest_port, protocol);
}

// Reads the TCP header of a whole packet or a first fragment. `l4` is its length by the IP header,
// of which `captured` bytes are here. Returns false with the reason in `out`.
bool read_tcp(const uint8_t* p, uint32_t l4, uint32_t captured, bool first_fragment,
              DecodedPacket& out) {
  // RFC 791 lets a first fragment be as short as 8 octets: it has ports, but no whole TCP header.
  const bool whole_header = l4 >= kTcpHeaderMin;
  if (!whole_header && (!first_fragment || l4 < kPortsBytes)) {
    out.reason = OtherReason::kBadHeader;
    return false;
  }
  if (captured < kPortsBytes) {
    out.reason = OtherReason::kTruncated;
    return false;
  }
  out.payload = whole_header ? l4 - kTcpHeaderMin : 0;
  if (l4 < kTcpFlagsEnd || captured < kTcpFlagsEnd) return true;
  const uint32_t header_bytes = (p[12] >> 4) * 4u;
  const bool too_short = header_bytes < kTcpHeaderMin;
  if (whole_header && (too_short || (header_bytes > l4 && !first_fragment))) {
    out.reason = OtherReason::kBadHeader;
    return false;
  }
  if (too_short) return true;
  out.payload = header_bytes < l4 ? l4 - header_bytes : 0;
  out.tcp_flags = p[13];
  out.tcp_sequence = load_be32(p + 4);
  out.tcp_acknowledgement = load_be32(p + 8);
  out.tcp_flags_known = true;
  return true;
}

bool read_udp(uint32_t l4, uint32_t captured, bool first_fragment, DecodedPacket& out) {
  if (l4 < (first_fragment ? kPortsBytes : kUdpHeader)) {
    out.reason = OtherReason::kBadHeader;
    return false;
  }
  if (captured < kPortsBytes) {
    out.reason = OtherReason::kTruncated;
    return false;
  }
  out.payload = l4 > kUdpHeader ? l4 - kUdpHeader : 0;
  return true;
}

// Reads the five-tuple of the packet that an ICMP error quotes (RFC 792, RFC 4443), if that is TCP
// or UDP and its ports are there. The lengths in the quote describe the packet as it was sent, not
// the bytes here.
bool read_quote(const uint8_t* p, uint32_t captured, uint8_t version, DecodedPacket& out) {
  uint32_t at = version == 4 ? 20 : 40;
  if (captured < at || (p[0] >> 4) != version) return false;
  uint8_t protocol;
  if (version == 4) {
    at = (p[0] & 0x0f) * 4u;
    const bool later = (load_be16(p + 6) & 0x1fff) != 0;
    if (at < 20 || later) return false;
    protocol = p[9];
  } else {
    protocol = p[6];
    for (int headers = 0; is_extension_header(protocol); headers++) {
      if (headers == kExtensionHeadersMax || at + 8 > captured) return false;
      if (protocol == kProtoFragment && (load_be16(p + at + 2) >> 3) != 0) return false;
      const uint32_t length = p[at + 1];
      const uint8_t next = p[at];
      at += protocol == kProtoFragment ? 8
            : protocol == kProtoAh     ? (length + 2) * 4
                                       : (length + 1) * 8;
      protocol = next;
    }
  }
  if ((protocol != kProtoTcp && protocol != kProtoUdp) || at + kPortsBytes > captured) return false;
  set_key(out, p, version, load_be16(p + at), load_be16(p + at + 2), protocol);
  return true;
}

// True for "destination unreachable": the quoted packet was refused. "Fragmentation needed" does
// not count, because the sender continues.
bool refuses(uint8_t version, uint8_t type, uint8_t code) {
  return version == 4 ? type == 3 && code != 4 : type == 1;
}

// For a whole packet or a first fragment.
void decode_icmp(const IpView& view, const IpHeader& ip, DecodedPacket& out) {
  set_other(out, reason_of_protocol(ip.protocol), ip.bytes);
  const bool own_family = ip.protocol == (ip.version == 4 ? kProtoIcmp : kProtoIcmpv6);
  const uint32_t end = std::min(view.captured, ip.bytes);
  const uint32_t quote = ip.header_bytes + kIcmpHeader;
  if (!own_family || end < quote) return;
  const uint8_t* icmp = view.data + ip.header_bytes;
  if (!refuses(ip.version, icmp[0], icmp[1])) return;
  if (read_quote(view.data + quote, end - quote, ip.version, out))
    out.kind = PacketKind::kIcmpError;
}

void decode_transport(const IpView& view, const IpHeader& ip, DecodedPacket& out) {
  const uint32_t l4 = ip.bytes - ip.header_bytes;
  const uint32_t end = std::min(view.captured, ip.bytes);
  const uint32_t captured = end > ip.header_bytes ? end - ip.header_bytes : 0;
  const uint8_t* p = view.data + ip.header_bytes;
  const bool first = ip.part == FragmentPart::kFirst;
  const bool ok = ip.protocol == kProtoTcp ? read_tcp(p, l4, captured, first, out)
                                           : read_udp(l4, captured, first, out);
  if (!ok) {
    out.kind = PacketKind::kOther;
    return;
  }
  out.kind = first ? PacketKind::kFirstFragment : PacketKind::kSession;
  set_key(out, view.data, ip.version, load_be16(p), load_be16(p + 2), ip.protocol);
}

// Decodes the usual packet in one step: no options, no extension headers, no fragment, nothing cut,
// every length plausible. Returns false for any other packet; decode() then takes the careful path.
inline bool decode_usual(const IpView& view, uint8_t version, DecodedPacket& out) {
  const uint8_t* ip = view.data;
  const uint32_t header_bytes = version == 4 ? 20 : 40;
  if (view.captured < header_bytes + kTcpFlagsEnd) return false;
  uint32_t bytes;
  uint8_t protocol;
  if (version == 4) {
    constexpr uint16_t kFragmented = 0x3fff;
    if (ip[0] != 0x45 || (load_be16(ip + 6) & kFragmented) != 0) return false;
    bytes = load_be16(ip + 2);
    protocol = ip[9];
  } else {
    if ((ip[0] >> 4) != 6) return false;
    bytes = load_be16(ip + 4) + header_bytes;
    protocol = ip[6];
  }
  const uint8_t* p = ip + header_bytes;
  const uint32_t l4 = bytes - header_bytes;
  if (bytes > view.wire || bytes < header_bytes) return false;
  if (protocol == kProtoTcp) {
    const uint32_t tcp_bytes = (p[12] >> 4) * 4u;
    if (tcp_bytes < kTcpHeaderMin || tcp_bytes > l4) return false;
    out.payload = l4 - tcp_bytes;
    out.tcp_sequence = load_be32(p + 4);
    out.tcp_acknowledgement = load_be32(p + 8);
    out.tcp_flags = p[13];
    out.tcp_flags_known = true;
  } else {
    if (protocol != kProtoUdp || l4 < kUdpHeader) return false;
    out.payload = l4 - kUdpHeader;
    out.tcp_sequence = 0;
    out.tcp_acknowledgement = 0;
    out.tcp_flags = 0;
    out.tcp_flags_known = false;
  }
  out.kind = PacketKind::kSession;
  out.bytes = bytes;
  set_key(out, ip, version, load_be16(p), load_be16(p + 2), protocol);
  return true;
}

void decode_later_fragment(const IpView& view, const IpHeader& ip, DecodedPacket& out) {
  out.kind = PacketKind::kLaterFragment;
  out.payload = ip.bytes - ip.header_bytes;
  // The key of an IPv6 datagram has no protocol: its fragments may name different ones (RFC 8200).
  set_key(out, view.data, ip.version, 0, 0, ip.version == 4 ? ip.protocol : 0);
}

}  // namespace

void decode(const RawPacket& packet, DecodedPacket& out) {
  out.time_us = time_us(packet.timestamp_ns);
  out.interface = packet.interface;
  const LinkResult link = read_link(packet);
  if (link.version == 0) return set_other(out, link.reason, link.wire_bytes - link.offset);
  IpView view;
  view.data = packet.data + link.offset;
  view.wire = link.wire_bytes - link.offset;
  view.captured = std::min(packet.captured_bytes - link.offset, view.wire);
  if (decode_usual(view, link.version, out)) return;
  out.payload = 0;
  out.tcp_flags = 0;
  out.tcp_flags_known = false;
  out.tcp_sequence = 0;
  out.tcp_acknowledgement = 0;
  const IpHeader ip = link.version == 4 ? read_ipv4(view) : read_ipv6(view);
  if (!ip.ok) return set_other(out, ip.reason, ip.bytes);
  out.bytes = ip.bytes;
  out.fragment_id = ip.fragment_id;
  const bool transport = ip.protocol == kProtoTcp || ip.protocol == kProtoUdp;
  if (ip.part == FragmentPart::kLater) {
    // In IPv6 the fragment header may name an extension header, and TCP or UDP may follow that.
    if (transport || (ip.version == 6 && is_extension_header(ip.protocol))) {
      return decode_later_fragment(view, ip, out);
    }
    return set_other(out, reason_of_protocol(ip.protocol), ip.bytes);
  }
  if (transport) return decode_transport(view, ip, out);
  if (ip.protocol == kProtoIcmp || ip.protocol == kProtoIcmpv6) return decode_icmp(view, ip, out);
  set_other(out, reason_of_protocol(ip.protocol), ip.bytes);
}

void decode_with_hash(const RawPacket& packet, const HashKey& hash_secrets, DecodedPacket& out) {
  decode(packet, out);
  if (has_key(out.kind)) out.hash = hash_key(hash_secrets, out.key);
}

}  // namespace tunmeter
