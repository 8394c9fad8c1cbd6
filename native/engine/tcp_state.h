// TCP states as in Zeek's connection log: two endpoint states, and conn_state, which sums them up.
#pragma once

#include "decode/decoded_packet.h"
#include "engine/session_record.h"
#include "table/flow_slot.h"

namespace tunmeter {

// The kind of session that a TCP packet without a flow opens.
enum class TcpOpening : uint8_t { kNothing, kSyn, kSynAck, kMidstream };
TcpOpening tcp_opening(const DecodedPacket& packet);

// A SYN that opens a session: without ACK, RST and FIN.
inline bool is_plain_syn(const DecodedPacket& packet) {
  return packet.tcp_flags_known && (packet.tcp_flags & (kSyn | kAck | kRst | kFin)) == kSyn;
}

// Advances both endpoint states by one packet of direction rx (0: from the initiator). Never called
// for later fragments, because they have no TCP header.
void tcp_advance(FlowSlot& slot, const DecodedPacket& packet, int rx);

ConnState conn_state(const FlowSlot& slot);

}  // namespace tunmeter
