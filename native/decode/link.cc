#include "decode/link.h"

#include <algorithm>

#include "decode/bytes.h"

namespace tunmeter {
namespace {

enum EtherType : uint16_t {
  kTypeIpv4 = 0x0800,
  kTypeArp = 0x0806,
  kTypeVlan = 0x8100,
  kTypeIpv6 = 0x86dd,
  kTypeMplsUnicast = 0x8847,
  kTypeMplsMulticast = 0x8848,
  kTypePppoeSession = 0x8864,
  kTypeMacsec = 0x88e5,
  kTypeProviderBridge = 0x88a8,
  kTypeBackboneBridge = 0x88e7,
  kTypeFabricPath = 0x8903,
  kTypeVnTag = 0x8926,
  kTypeETag = 0x893f,
  kTypeQinq9100 = 0x9100,
  kTypeQinq9200 = 0x9200,
};

constexpr uint16_t kLinkRawOpenBsd = 14;
constexpr uint16_t kLinkPppHdlc = 50;
constexpr uint16_t kLinkPppEther = 51;
constexpr uint16_t kLinkIpOverInfiniband = 242;

// Walks the headers of one packet. Each step moves `at_` past a complete header or ends the walk.
class LinkReader {
 public:
  explicit LinkReader(const RawPacket& packet)
      : data_(packet.data),
        captured_(packet.captured_bytes),
        wire_(std::max(packet.wire_bytes, packet.captured_bytes)) {}

  LinkResult read(uint16_t link_type) {
    switch (link_type) {
      case kLinkRaw:
      case kLinkRawDlt12:
      case kLinkRawOpenBsd:
        return by_nibble();
      case kLinkIpv4:
        return ip(4);
      case kLinkIpv6:
        return ip(6);
      case kLinkEthernet:
        return ethernet();
      case kLinkLinuxSll:
        if (!has(16)) return cut(16);
        at_ += 16;
        return ether_type(load_be16(data_ + 14), load_be16(data_ + 14) == 0x0004);
      case kLinkLinuxSll2:
        if (!has(20)) return cut(20);
        at_ += 20;
        return ether_type(load_be16(data_), load_be16(data_) == 0x0004);
      case kLinkNull:
      case kLinkLoop:
        return null_family();
      case kLinkPpp:
      case kLinkPppHdlc:
        return ppp_or_hdlc();
      case kLinkIpOverInfiniband:
        if (!has(44)) return cut(44);
        at_ += 44;
        return ether_type(load_be16(data_ + 40), false);
      case kLinkPppEther:
        return pppoe();
      case kLinkCiscoHdlc:
        return cisco_hdlc();
      case kLinkNflog:
        return nflog();
      default:
        return other(OtherReason::kUnknownLink);
    }
  }

 private:
  bool has(uint32_t bytes) const { return captured_ - at_ >= bytes; }

  // A header of `needed` bytes is not here: the snaplen cut it, or the packet has none.
  LinkResult cut(uint32_t needed) const {
    const bool on_wire = wire_ - at_ >= needed;
    return other(on_wire ? OtherReason::kTruncated : OtherReason::kBadHeader);
  }
  LinkResult other(OtherReason reason) const { return {at_, wire_, 0, reason}; }
  LinkResult ip(uint8_t version) const { return {at_, wire_, version, OtherReason::kOtherIp}; }

  LinkResult by_nibble() const {
    if (!has(1)) return cut(1);
    const uint8_t nibble = data_[at_] >> 4;
    return nibble == 4 || nibble == 6 ? ip(nibble) : other(OtherReason::kNonIp);
  }

  LinkResult ethernet() {
    if (!has(14)) return cut(14);
    at_ += 14;
    return ether_type(load_be16(data_ + at_ - 2), true);
  }

  // `length_possible`: the field may be a length (IEEE 802.3), and LLC follows.
  LinkResult ether_type(uint16_t type, bool length_possible);
  LinkResult mpls();
  LinkResult pppoe();
  LinkResult ppp();
  LinkResult llc();
  LinkResult null_family();
  LinkResult cisco_hdlc();
  LinkResult nflog();

  // 0x0f and 0x8f are Cisco's address octets; PPP begins with 0xff or a protocol number.
  LinkResult ppp_or_hdlc() {
    if (has(1) && (data_[at_] == 0x0f || data_[at_] == 0x8f)) return cisco_hdlc();
    // Address and control octets of HDLC-like framing (RFC 1662) are optional.
    if (has(1) && data_[at_] == 0xff) {
      if (!has(2)) return cut(2);
      if (data_[at_ + 1] == 0x03) at_ += 2;
    }
    return ppp();
  }

  const uint8_t* data_;
  uint32_t captured_;
  uint32_t wire_;
  uint32_t at_ = 0;
};

LinkResult LinkReader::ether_type(uint16_t type, bool length_possible) {
  for (int tags = 0;;) {
    uint32_t tag_bytes = 0;
    switch (type) {
      case kTypeIpv4:
        return ip(4);
      case kTypeIpv6:
        return ip(6);
      case kTypeArp:
        return other(OtherReason::kArp);
      case kTypeMplsUnicast:
      case kTypeMplsMulticast:
        return mpls();
      case kTypePppoeSession:
        return pppoe();
      case kTypeVlan:
      case kTypeProviderBridge:
      case kTypeQinq9100:
      case kTypeQinq9200:
        tag_bytes = 4;
        break;
      case kTypeVnTag:
        tag_bytes = 6;
        break;
      case kTypeETag:
        tag_bytes = 8;
        break;
      case kTypeBackboneBridge:  // I-SID
      case kTypeFabricPath: {
        const uint32_t prefix = type == kTypeFabricPath ? 2 : 4;
        if (!has(prefix)) return cut(prefix);
        if (++tags > kTagsMax) return other(OtherReason::kNonIp);
        if (!has(prefix + 14)) {
          at_ += prefix;
          return cut(14);
        }
        at_ += prefix + 14;  // a whole Ethernet header follows
        type = load_be16(data_ + at_ - 2);
        length_possible = true;
        continue;
      }
      case kTypeMacsec:
        if (!has(1)) return cut(1);
        // The payload is encrypted or changed (IEEE 802.1AE: E and C of the TCI).
        if ((data_[at_] & 0x0c) != 0) return other(OtherReason::kNonIp);
        tag_bytes = (data_[at_] & 0x20) != 0 ? 16 : 8;
        break;
      default:
        return type <= 1500 && length_possible ? llc() : other(OtherReason::kNonIp);
    }
    if (++tags > kTagsMax) return other(OtherReason::kNonIp);
    if (!has(tag_bytes)) return cut(tag_bytes);
    at_ += tag_bytes;
    type = load_be16(data_ + at_ - 2);
    length_possible = true;
  }
}

LinkResult LinkReader::llc() {
  if (!has(3)) return cut(3);
  const uint8_t* p = data_ + at_;
  if (p[0] == 0x06 && p[1] == 0x06 && p[2] == 0x03) {
    at_ += 3;
    return ip(4);
  }
  if (p[0] != 0xaa || p[1] != 0xaa || p[2] != 0x03) return other(OtherReason::kNonIp);
  if (!has(8)) return cut(8);
  const bool ethernet_oui = p[3] == 0 && p[4] == 0 && (p[5] == 0 || p[5] == 0xf8);
  if (!ethernet_oui) return other(OtherReason::kNonIp);
  at_ += 8;
  return ether_type(load_be16(p + 6), false);
}

LinkResult LinkReader::mpls() {
  for (int labels = 0; labels < kMplsLabelsMax; labels++) {
    if (!has(4)) return cut(4);
    at_ += 4;
    const bool bottom = (data_[at_ - 2] & 1) != 0;
    if (bottom) return by_nibble();
  }
  return other(OtherReason::kNonIp);
}

LinkResult LinkReader::pppoe() {
  if (!has(6)) return cut(6);
  at_ += 6;
  return ppp();
}

LinkResult LinkReader::ppp() {
  // RFC 1661 section 6.5: the last octet of a protocol number is odd, and a compressed number has
  // only this octet.
  if (!has(1)) return cut(1);
  uint16_t protocol = data_[at_];
  if ((protocol & 1) != 0) {
    at_ += 1;
  } else {
    if (!has(2)) return cut(2);
    protocol = load_be16(data_ + at_);
    at_ += 2;
  }
  switch (protocol) {
    case 0x0021:
      return ip(4);
    case 0x0057:
      return ip(6);
    case 0x0281:
    case 0x0283:
      return mpls();
    default:
      return other(OtherReason::kNonIp);
  }
}

LinkResult LinkReader::null_family() {
  if (!has(4)) return cut(4);
  // In the writer's byte order (NULL) or big endian (LOOP). Families are small numbers, so a large
  // value means the other order.
  uint32_t family = load_le32(data_ + at_);
  if (family > 0xffff) family = load_be32(data_ + at_);
  at_ += 4;
  switch (family) {
    case 2:
      return ip(4);
    case 10:  // AF_INET6 of Linux, Windows, NetBSD/OpenBSD, FreeBSD, macOS
    case 23:
    case 24:
    case 28:
    case 30:
      return ip(6);
    default:
      return other(OtherReason::kNonIp);
  }
}

LinkResult LinkReader::cisco_hdlc() {
  if (!has(4)) return cut(4);
  at_ += 4;
  return ether_type(load_be16(data_ + at_ - 2), false);
}

// Attributes {length 16, type 16, value, padding to 4} in the writer's byte order. Types are small, so
// one octet of the first type is zero and shows the order; both octets of a length may be set.
LinkResult LinkReader::nflog() {
  constexpr uint32_t kPayloadAttribute = 9;
  if (!has(4)) return cut(4);
  at_ = 4;
  uint32_t at = at_;
  bool big_endian = false;
  for (bool first = true; at < wire_; first = false) {
    if (captured_ < at + 4) {
      return other(wire_ >= at + 4 ? OtherReason::kTruncated : OtherReason::kBadHeader);
    }
    uint32_t length = load_le16(data_ + at);
    if (first) {
      const bool zero_first = data_[at + 2] == 0;
      const bool told = zero_first != (data_[at + 3] == 0);
      big_endian = told ? zero_first : length < 4 || length > wire_ - at;
    }
    if (big_endian) length = load_be16(data_ + at);
    const uint32_t type = big_endian ? load_be16(data_ + at + 2) : load_le16(data_ + at + 2);
    if (length < 4 || length > wire_ - at) return other(OtherReason::kBadHeader);
    if (type == kPayloadAttribute) {
      wire_ = at + length;
      captured_ = std::min(captured_, wire_);
      at_ = at + 4;
      return by_nibble();
    }
    const uint32_t padded = (length + 3) & ~3u;
    if (padded > wire_ - at) break;
    at += padded;
  }
  return other(OtherReason::kNonIp);
}

}  // namespace

LinkResult read_link_header(const RawPacket& packet) {
  return LinkReader(packet).read(packet.link_type);
}

}  // namespace tunmeter
