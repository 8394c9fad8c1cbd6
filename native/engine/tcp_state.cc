// The states and transitions are Zeek's (TCPSessionAdapter.cc: UpdateInactiveState,
// UpdateSYN_SentState, UpdateEstablishedState, UpdateClosedState), and the words are those of
// conn_state() in scripts/base/protocols/conn/main.zeek, so that sessions can be compared with
// Zeek's. Sequence numbers are not used.
#include "engine/tcp_state.h"

namespace tunmeter {
namespace {

EndpointState state_of(const FlowSlot& slot, int side) {
  return static_cast<EndpointState>(slot.side[side].state);
}

void set_state(FlowSlot& slot, int side, EndpointState state) {
  auto& s = slot.side[side];
  if (s.state == static_cast<uint64_t>(state)) return;
  s.prev_state = s.state;
  s.state = static_cast<uint64_t>(state);
}

void advance_inactive(FlowSlot& slot, const DecodedPacket& packet, int rx) {
  const int peer = 1 - rx;
  const uint8_t flags = packet.tcp_flags;
  if ((flags & kSyn) != 0) {
    const bool ack = (flags & kAck) != 0;
    const EndpointState peer_state = state_of(slot, peer);
    if (rx == 1) {
      if (peer_state == EndpointState::kSynSent) set_state(slot, peer, EndpointState::kEstablished);
      set_state(slot, rx, EndpointState::kEstablished);
    } else if (ack) {
      set_state(slot, rx, EndpointState::kSynAckSent);
    } else {
      // The initiator's SYN after the responder's SYN-ACK: out of order, and it completes the
      // handshake.
      const bool answered = peer_state == EndpointState::kEstablished;
      set_state(slot, rx, answered ? EndpointState::kEstablished : EndpointState::kSynSent);
    }
  }
  if ((flags & kFin) != 0) set_state(slot, rx, EndpointState::kClosed);
  if ((flags & kRst) != 0) set_state(slot, rx, EndpointState::kReset);
  if (state_of(slot, rx) != EndpointState::kInactive) return;
  const bool early_ack =
      rx == 1 && packet.payload == 0 && state_of(slot, 0) == EndpointState::kSynSent;
  if (early_ack) return;  // some hosts answer a SYN with an ACK before their SYN-ACK
  const bool missed_syn =
      (flags & kAck) != 0 && state_of(slot, peer) == EndpointState::kEstablished;
  set_state(slot, rx, missed_syn ? EndpointState::kEstablished : EndpointState::kPartial);
}

void advance_established(FlowSlot& slot, uint8_t flags, int rx) {
  const int peer = 1 - rx;
  const bool syn_after_partial = (flags & (kSyn | kAck)) == kSyn &&
                                 state_of(slot, rx) == EndpointState::kPartial &&
                                 state_of(slot, peer) == EndpointState::kInactive;
  if (syn_after_partial) set_state(slot, rx, EndpointState::kSynSent);
  if ((flags & kFin) != 0 && (flags & kRst) == 0) {
    set_state(slot, rx, EndpointState::kClosed);
    const auto peer_before = static_cast<EndpointState>(slot.side[peer].prev_state);
    // FIN and RST from one side, then a FIN from the other: a normal end.
    if (state_of(slot, peer) == EndpointState::kReset && peer_before == EndpointState::kClosed) {
      set_state(slot, peer, EndpointState::kClosed);
    }
  }
  if ((flags & kRst) != 0) set_state(slot, rx, EndpointState::kReset);
}

// RSTOS0 is Zeek's history /\^?S[^HAFGIQ]*R.*/: the initiator's SYN, then its reset. Before the
// reset, the initiator sends no SYN-ACK (H), pure ACK (A), FIN (F), FIN+RST (I) or other pair of
// control flags (Q). Content gaps (G) are not detected here.
void advance_history(FlowSlot& slot, const DecodedPacket& packet) {
  if (slot.history_bad || slot.history_rst) return;
  const uint8_t flags = packet.tcp_flags;
  const int controls = __builtin_popcount(flags & (kSyn | kFin | kRst));
  if (controls > 1) {
    slot.history_bad = 1;
  } else if ((flags & kRst) != 0) {
    slot.history_rst = 1;
  } else if ((flags & kFin) != 0) {
    slot.history_bad = 1;
  } else if ((flags & kAck) != 0) {
    const bool syn_ack = (flags & kSyn) != 0;
    if (syn_ack || packet.payload == 0) slot.history_bad = 1;
  }
}

}  // namespace

TcpOpening tcp_opening(const DecodedPacket& packet) {
  if (!packet.tcp_flags_known) return TcpOpening::kMidstream;
  const uint8_t flags = packet.tcp_flags;
  if ((flags & (kRst | kFin)) != 0) return TcpOpening::kNothing;
  if ((flags & kSyn) != 0) return (flags & kAck) != 0 ? TcpOpening::kSynAck : TcpOpening::kSyn;
  return packet.payload > 0 ? TcpOpening::kMidstream : TcpOpening::kNothing;
}

void tcp_advance(FlowSlot& slot, const DecodedPacket& packet, int rx) {
  if (rx == 0) advance_history(slot, packet);
  const uint8_t flags = packet.tcp_flags;
  switch (state_of(slot, rx)) {
    case EndpointState::kInactive:
      return advance_inactive(slot, packet, rx);
    case EndpointState::kSynSent:
    case EndpointState::kSynAckSent:
      if ((flags & kFin) != 0) set_state(slot, rx, EndpointState::kClosed);
      if ((flags & kRst) != 0) set_state(slot, rx, EndpointState::kReset);
      return;
    case EndpointState::kPartial:
    case EndpointState::kEstablished:
      return advance_established(slot, flags, rx);
    case EndpointState::kClosed:
      // After a FIN exchange a reset changes nothing.
      if ((flags & kRst) != 0 && state_of(slot, 1 - rx) != EndpointState::kClosed) {
        set_state(slot, rx, EndpointState::kReset);
      }
      return;
    case EndpointState::kReset:
      return;
  }
}

namespace {

ConnState tcp_conn_state(const FlowSlot& slot) {
  using E = EndpointState;
  const E initiator = state_of(slot, 0);
  const E responder = state_of(slot, 1);
  const bool initiator_silent = initiator == E::kInactive || initiator == E::kPartial;
  const bool responder_silent = responder == E::kInactive || responder == E::kPartial;
  const bool no_payload = slot.payload[0] == 0 && slot.payload[1] == 0;
  if (responder == E::kReset) {
    if (initiator == E::kSynSent || initiator == E::kSynAckSent ||
        (initiator == E::kReset && no_payload)) {
      return ConnState::kREJ;
    }
    return initiator_silent ? ConnState::kRSTRH : ConnState::kRSTR;
  }
  if (initiator == E::kReset) {
    if (!responder_silent) return ConnState::kRSTO;
    const bool opened = slot.basis == static_cast<uint64_t>(DirectionBasis::kSyn);
    return opened && slot.history_rst ? ConnState::kRSTOS0 : ConnState::kOTH;
  }
  if (responder == E::kClosed && initiator == E::kClosed) return ConnState::kSF;
  if (initiator == E::kClosed) return responder_silent ? ConnState::kSH : ConnState::kS2;
  if (responder == E::kClosed) return initiator_silent ? ConnState::kSHR : ConnState::kS3;
  if (initiator == E::kSynSent && responder == E::kInactive) return ConnState::kS0;
  if (initiator == E::kEstablished && responder == E::kEstablished) return ConnState::kS1;
  return ConnState::kOTH;
}

}  // namespace

ConnState conn_state(const FlowSlot& slot) {
  const bool answered = slot.side[1].packets > 0;
  ConnState state;
  if (slot.is_tcp()) {
    state = tcp_conn_state(slot);
  } else if (slot.side[0].packets > 0) {
    state = answered ? ConnState::kSF : ConnState::kS0;
  } else {
    state = ConnState::kSHR;
  }
  const bool refused = state == ConnState::kS0 && slot.icmp_error && !answered;
  return refused ? ConnState::kREJ : state;
}

}  // namespace tunmeter
