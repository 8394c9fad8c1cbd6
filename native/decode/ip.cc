#include "decode/ip.h"

#include <algorithm>

#include "decode/bytes.h"
#include "decode/decode.h"

namespace tunmeter {
namespace {

constexpr uint32_t kIpv4HeaderMin = 20;
constexpr uint32_t kIpv6Header = 40;
constexpr uint16_t kMoreFragments = 0x2000;
constexpr uint16_t kFragmentOffsetMask = 0x1fff;

IpHeader bad(OtherReason reason, uint32_t bytes) {
  IpHeader header = {};
  header.reason = reason;
  header.bytes = bytes;
  return header;
}

uint32_t extension_bytes(uint8_t protocol, uint8_t length) {
  if (protocol == kProtoFragment) return 8;
  if (protocol == kProtoAh) return (length + 2u) * 4;  // RFC 4302: 32-bit words minus 2
  return (length + 1u) * 8;
}

// Sets part and fragment_id. True for a later fragment: no transport header follows.
bool later_fragment(const uint8_t* p, IpHeader& header) {
  const uint16_t word = load_be16(p + 2);
  const bool more_fragments = (word & 1) != 0;
  if ((word >> 3) != 0) {
    header.part = FragmentPart::kLater;
    header.fragment_id = load_be32(p + 4);
    return true;
  }
  if (more_fragments) {
    header.part = FragmentPart::kFirst;
    header.fragment_id = load_be32(p + 4);
  }
  return false;  // RFC 6946: offset 0 and no more fragments is an ordinary packet
}

}  // namespace

OtherReason reason_of_protocol(uint8_t protocol) {
  switch (protocol) {
    case kProtoIcmp:
      return OtherReason::kIcmp;
    case kProtoIcmpv6:
      return OtherReason::kIcmpv6;
    case kProtoIgmp:
      return OtherReason::kIgmp;
    case kProtoEsp:
      return OtherReason::kEsp;
    case kProtoGre:
      return OtherReason::kGre;
    case kProtoSctp:
      return OtherReason::kSctp;
    default:
      return OtherReason::kOtherIp;
  }
}

bool is_extension_header(uint8_t protocol) {
  switch (protocol) {
    case kProtoHopByHop:
    case kProtoRouting:
    case kProtoFragment:
    case kProtoAh:
    case kProtoDestination:
    case kProtoMobility:
    case kProtoHip:
    case kProtoShim6:
      return true;
    default:
      return false;
  }
}

IpHeader read_ipv4(const IpView& view) {
  const uint8_t* p = view.data;
  if (view.captured < kIpv4HeaderMin) {
    const bool on_wire = view.wire >= kIpv4HeaderMin;
    return bad(on_wire ? OtherReason::kTruncated : OtherReason::kBadHeader, view.wire);
  }
  const uint32_t header_bytes = (p[0] & 0x0f) * 4u;
  if ((p[0] >> 4) != 4 || header_bytes < kIpv4HeaderMin) {
    return bad(OtherReason::kBadHeader, view.wire);
  }
  uint32_t total = load_be16(p + 2);
  // Segmentation offload makes packets whose length does not fit the field; the field is then 0.
  if (total == 0) total = view.wire;
  if (total > view.wire || total < header_bytes) {
    return bad(OtherReason::kBadHeader, view.wire);
  }
  if (header_bytes > view.captured) return bad(OtherReason::kTruncated, total);
  IpHeader header = {};
  header.ok = true;
  header.version = 4;
  header.protocol = p[9];
  header.bytes = total;
  header.header_bytes = header_bytes;
  header.fragment_id = load_be16(p + 4);
  const uint16_t fragment = load_be16(p + 6);
  if ((fragment & kFragmentOffsetMask) != 0) {
    header.part = FragmentPart::kLater;
  } else if ((fragment & kMoreFragments) != 0) {
    header.part = FragmentPart::kFirst;
  }
  return header;
}

IpHeader read_ipv6(const IpView& view) {
  const uint8_t* p = view.data;
  if (view.captured < kIpv6Header) {
    const bool on_wire = view.wire >= kIpv6Header;
    return bad(on_wire ? OtherReason::kTruncated : OtherReason::kBadHeader, view.wire);
  }
  if ((p[0] >> 4) != 6) return bad(OtherReason::kBadHeader, view.wire);
  uint8_t next = p[6];
  uint32_t total = load_be16(p + 4) + kIpv6Header;
  // The length of jumbograms and offloaded packets does not fit the field; the field is then 0.
  if (total == kIpv6Header && (next == kProtoHopByHop || next == kProtoTcp || next == kProtoUdp)) {
    total = view.wire;
  }
  if (total > view.wire) return bad(OtherReason::kBadHeader, view.wire);
  IpHeader header = {};
  header.version = 6;
  header.bytes = total;
  uint32_t at = kIpv6Header;
  for (int headers = 0; is_extension_header(next); headers++) {
    if (headers == kExtensionHeadersMax) return bad(OtherReason::kExtensionLimit, total);
    if (at + 8 > total) return bad(OtherReason::kBadHeader, total);
    if (at + 8 > view.captured) return bad(OtherReason::kTruncated, total);
    const uint32_t bytes = extension_bytes(next, p[at + 1]);
    if (at + bytes > total) return bad(OtherReason::kBadHeader, total);
    const bool ends = next == kProtoFragment && later_fragment(p + at, header);
    next = p[at];
    at += bytes;
    if (ends) break;
  }
  header.ok = true;
  header.protocol = next;
  header.header_bytes = at;
  return header;
}

}  // namespace tunmeter
