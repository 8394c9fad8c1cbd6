// Bytes -> DecodedPacket, or one reason why the packet is other traffic.
//
// decode() accepts any bytes, any lengths and any link type. The function that loads a byte has
// checked it against the captured length. Nothing after decode() reads packet bytes.
//
// Lengths (docs/accuracy.md): `bytes` is the IP header's own length if that length passed its
// checks, even if a later header is cut or wrong. Otherwise it is the part of the wire length from
// the IP header on.
#pragma once

#include "decode/decoded_packet.h"
#include "source/packet.h"

namespace tunmeter {

inline constexpr int kExtensionHeadersMax = 16;

void decode(const RawPacket& packet, DecodedPacket& out);

// The work before the flow table: decode(), and the hash of the key if there is one.
void decode_with_hash(const RawPacket& packet, const HashKey& hash_secrets, DecodedPacket& out);

}  // namespace tunmeter
