// Bytes -> DecodedPacket, or the one reason why the packet is other traffic.
//
// Contract: decode() may be given any bytes, any lengths and any link type. Every load is behind a
// check against the captured length made in the same function; nothing after decode() reads packet
// bytes.
//
// Lengths (docs/accuracy.md): `bytes` is the IP header's own length wherever that length passed
// its checks, also when a later header is cut or wrong; before that it is what is left of the wire
// length.
#pragma once

#include "decode/decoded_packet.h"
#include "source/packet.h"

namespace tunmeter {

inline constexpr int kExtensionHeadersMax = 16;

void decode(const RawPacket& packet, DecodedPacket& out);

// What can be done ahead of the flow table: decode(), and the hash of the key if there is one.
void decode_with_hash(const RawPacket& packet, const HashKey& hash_secrets, DecodedPacket& out);

}  // namespace tunmeter
