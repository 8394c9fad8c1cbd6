// IPv4 and IPv6 headers. One function reads and checks each of them.
#pragma once

#include <cstdint>

#include "decode/decoded_packet.h"

namespace tunmeter {

enum IpProtocol : uint8_t {
  kProtoHopByHop = 0,
  kProtoIcmp = 1,
  kProtoIgmp = 2,
  kProtoTcp = 6,
  kProtoUdp = 17,
  kProtoRouting = 43,
  kProtoFragment = 44,
  kProtoGre = 47,
  kProtoEsp = 50,
  kProtoAh = 51,
  kProtoIcmpv6 = 58,
  kProtoNone = 59,
  kProtoDestination = 60,
  kProtoSctp = 132,
  kProtoMobility = 135,
  kProtoHip = 139,
  kProtoShim6 = 140,
};

enum class FragmentPart : uint8_t { kWhole, kFirst, kLater };

// The bytes of one packet from its IP header on.
struct IpView {
  const uint8_t* data;
  uint32_t captured;
  uint32_t wire;  // never below captured
};

struct IpHeader {
  bool ok;  // false: `reason` and `bytes` are set, and nothing else
  OtherReason reason;
  uint8_t version;
  uint8_t protocol;  // of the transport, after all extension headers
  FragmentPart part;
  uint32_t bytes;  // of the whole packet
  uint32_t header_bytes;
  uint32_t fragment_id;
};

// IPv4 addresses are at data + 12 and 16, IPv6 at data + 8 and 24; they are captured when ok.
IpHeader read_ipv4(const IpView& view);
IpHeader read_ipv6(const IpView& view);

// The reason that counts packets of a protocol other than TCP and UDP.
OtherReason reason_of_protocol(uint8_t protocol);

bool is_extension_header(uint8_t protocol);

}  // namespace tunmeter
