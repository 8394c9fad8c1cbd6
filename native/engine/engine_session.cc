// Sessions: finding, opening, counting, closing and reporting them.
#include <algorithm>
#include <cstring>
#include <utility>

#include "decode/bytes.h"
#include "engine/engine.h"
#include "engine/tcp_state.h"

namespace tunmeter {
namespace {

constexpr uint64_t kRttMax = kNoRtt - 1;

void store_be32(uint8_t* p, uint32_t value) {
  const uint32_t swapped = __builtin_bswap32(value);
  std::memcpy(p, &swapped, 4);
}

void store_be64(uint8_t* p, uint64_t value) {
  const uint64_t swapped = __builtin_bswap64(value);
  std::memcpy(p, &swapped, 8);
}

void store_address(uint8_t* p, const FlowKey& key, bool b) {
  const uint64_t* w = key.words;
  if (key.family() == 4) {
    store_be32(p, static_cast<uint32_t>(b ? w[1] : w[1] >> 32));
    return;
  }
  store_be64(p, w[b ? 3 : 1]);
  store_be64(p + 8, w[b ? 4 : 2]);
}

}  // namespace

// Finds the flow of the packet's key and checks its deadlines at this moment. kNoSlot when there is
// no such flow, or when it just ended.
uint32_t Engine::find_live(const DecodedPacket& packet) {
  uint32_t i = packet.slot_hint;
  if (!table_.holds(i, packet.key)) i = table_.find(packet.key, packet.hash);
  if (i == kNoSlot || quiet_at_hit(table_.slot(i))) return i;
  return gone_at_hit(i) ? kNoSlot : i;
}

// True in the usual case: an open flow, no deadline passed.
bool Engine::quiet_at_hit(const FlowSlot& slot) const {
  const uint64_t now = now_of(slot);
  if (slot.closed || time48_difference(now, slot.activity) > idle_timeout(slot)) return false;
  return options_.active_timeout_us == 0 || time48_difference(now, slot.due_or_closed) < 0;
}

bool Engine::gone_at_hit(uint32_t i) {
  const uint64_t now = now_of(table_.slot(i));
  for (;;) {
    const NextEvent next = next_event(table_.slot(i), now, false);
    if (next.in_us > 0) return false;
    if (handle_event(i, next.event, now)) return true;
  }
}

// True for a SYN other than the one that this flow recorded: the five-tuple is used again.
bool Engine::reuses(uint32_t i, const DecodedPacket& packet) {
  if (!is_plain_syn(packet)) return false;
  const FlowSlot& slot = table_.slot(i);
  const int rx = direction(slot, packet.from_b);
  return !slot.side[rx].syn_recorded || table_.tcp_facts(i).sequence[rx] != packet.tcp_sequence;
}

// True for a SYN that may begin another connection of the same five-tuple. On an open session that
// is a SYN with another number. After a reset it is also one with the same number. (On a closed
// session, another number opens at once.)
bool Engine::must_wait_for_answer(uint32_t i, const DecodedPacket& packet) {
  const FlowSlot& slot = table_.slot(i);
  if (!slot.is_tcp() || !is_plain_syn(packet) || packet.payload > 0) return false;
  const bool another = reuses(i, packet);
  if (slot.closed) {
    return !another && ((slot.side[0].tcp_flags | slot.side[1].tcp_flags) & kRst) != 0;
  }
  if (static_cast<IdleState>(slot.idle_state) != IdleState::kHandshake) return another;
  // In a handshake, SYNs before the first answer and the first SYN of each side belong to it.
  const int rx = direction(slot, packet.from_b);
  const bool answered = (slot.side[1 - rx].tcp_flags & (kSyn | kAck)) == (kSyn | kAck);
  return another && answered && slot.side[rx].syn_recorded != 0;
}

// Counts the SYN as traffic of sessions; the answer decides of which. False when too many wait.
bool Engine::wait_for_answer(uint32_t i, const DecodedPacket& packet) {
  FlowSlot& slot = table_.slot(i);
  if (slot.waiting_syn == 0) {
    if (waiting_syns_.size() == kWaitingSynsMax) {
      counters_.waiting_syns_full++;
      return false;
    }
    if (waiting_syns_.empty()) waiting_syns_.reserve(kWaitingSynsMax);  // allocates once
    waiting_syns_.push_back({packet, {}, packet_us_, packet_us_, i});
    slot.waiting_syn = waiting_syns_.size();
  }
  WaitingSyn& waiting = waiting_syns_[slot.waiting_syn - 1];
  const uint8_t flags_before = waiting.latest.tcp_flags;
  waiting.latest = packet;
  waiting.latest.tcp_flags |= flags_before;
  waiting.latest.time_us = packet_us_;
  waiting.first_us = std::min(waiting.first_us, packet_us_);
  waiting.last_us = std::max(waiting.last_us, packet_us_);
  waiting.traffic.add(packet.bytes);
  counters_.sessions.add(packet.bytes);
  return true;
}

// The last one moves into the free place.
Engine::WaitingSyn Engine::take_waiting_syn(uint32_t i) {
  const size_t place = table_.slot(i).waiting_syn - 1;
  const WaitingSyn taken = waiting_syns_[place];
  waiting_syns_[place] = waiting_syns_.back();
  table_.slot(waiting_syns_[place].slot).waiting_syn = place + 1;
  table_.slot(i).waiting_syn = 0;
  waiting_syns_.pop_back();
  counters_.sessions -= taken.traffic;
  return taken;
}

// The SYN opened nothing. It is traffic of the existing session, but does not keep it open.
void Engine::count_waiting_syn(uint32_t i) {
  const WaitingSyn syn = take_waiting_syn(i);
  FlowSlot& slot = table_.slot(i);
  const int rx = direction(slot, syn.latest.from_b);
  const int64_t packet_us = std::exchange(packet_us_, syn.latest.time_us);
  follow_sequence(i, syn.latest, rx);
  count_traffic(slot, rx, syn.traffic, 0, syn.first_us, syn.last_us);
  follow_tcp(i, syn.latest, rx);
  follow_sequence(i, syn.latest, rx, syn.traffic.packets - 1);
  packet_us_ = packet_us;
}

// Assigns the waiting SYN and returns the session of the packet. A SYN-ACK that acknowledges the
// SYN opens another session with both. A reset or another SYN assigns it to the existing session.
uint32_t Engine::answer_waiting_syn(uint32_t i, const DecodedPacket& packet) {
  const DecodedPacket& waiting = waiting_syns_[table_.slot(i).waiting_syn - 1].latest;
  const uint8_t flags = packet.tcp_flags & (kSyn | kAck | kRst | kFin);
  const bool back = packet.from_b != waiting.from_b;
  const bool again =
      flags == kSyn && !back && packet.payload == 0 && packet.tcp_sequence == waiting.tcp_sequence;
  if (again || (flags & (kSyn | kRst)) == 0) return i;
  const bool answers =
      flags == (kSyn | kAck) && back && packet.tcp_acknowledgement == waiting.tcp_sequence + 1;
  if (!answers) {
    count_waiting_syn(i);
    return i;
  }
  const WaitingSyn syn = take_waiting_syn(i);
  end_session(i, EndReason::kEndOfFlowDetected);
  const int64_t packet_us = std::exchange(packet_us_, syn.latest.time_us);
  i = open_session(syn.latest);
  follow_sequence(i, syn.latest, 0);
  count_traffic(table_.slot(i), 0, syn.traffic, 0, syn.first_us, syn.last_us);
  touch(i);
  follow_tcp(i, syn.latest, 0);
  follow_sequence(i, syn.latest, 0, syn.traffic.packets - 1);
  packet_us_ = packet_us;
  rearm(i);
  return i;
}

uint32_t Engine::open_session(const DecodedPacket& packet) {
  if (table_.full()) evict_one();
  const uint32_t i = table_.insert(packet.key, packet.hash);
  FlowSlot& slot = table_.slot(i);
  slot.sequence = ++sequence_;
  epochs_.opened();
  slot.first_us = slot.last_us = packet_us_;
  orient(slot, packet);
  slot.clock = clocks_.current();
  const auto now = static_cast<uint64_t>(clocks_.now(slot.clock));
  slot.due_or_closed = (now + static_cast<uint64_t>(options_.active_timeout_us)) & kTime48Mask;
  counters_.sessions_opened++;
  counters_.open_sessions = table_.size();
  counters_.open_sessions_max = std::max(counters_.open_sessions_max, counters_.open_sessions);
  return i;
}

// Decides the initiator and the basis of that decision.
void Engine::orient(FlowSlot& slot, const DecodedPacket& packet) {
  DirectionBasis basis = DirectionBasis::kFirstPacket;
  bool initiator_is_b = packet.from_b;
  const TcpOpening opening = slot.is_tcp() ? tcp_opening(packet) : TcpOpening::kNothing;
  if (opening == TcpOpening::kSyn) {
    basis = DirectionBasis::kSyn;
  } else if (opening == TcpOpening::kSynAck) {
    basis = DirectionBasis::kSynAck;
    initiator_is_b = !packet.from_b;
  } else if (!inside_.empty()) {
    const bool a_inside = inside(packet.key, false);
    const bool b_inside = inside(packet.key, true);
    if (a_inside != b_inside) {
      basis = DirectionBasis::kPeer;
      initiator_is_b = b_inside;
    }
  }
  slot.basis = static_cast<uint64_t>(basis);
  // Between equal endpoints there is only one direction.
  slot.initiator_is_b = initiator_is_b && !equal_endpoints(packet.key);
  slot.midstream = opening == TcpOpening::kMidstream;
  if (!slot.is_tcp()) {
    set_idle_state(slot, IdleState::kUdp);
  } else if (slot.midstream) {
    set_idle_state(slot, IdleState::kEstablished);
  }
}

bool Engine::inside(const FlowKey& key, bool b) const {
  const uint64_t* w = key.words;
  if (key.family() == 4) return inside_.contains4(static_cast<uint32_t>(b ? w[1] : w[1] >> 32));
  return inside_.contains6({w[b ? 3 : 1], w[b ? 4 : 2]});
}

void Engine::count_packet(uint32_t i, const DecodedPacket& packet) {
  FlowSlot& slot = table_.slot(i);
  const int rx = direction(slot, packet.from_b);
  if (slot.is_tcp()) follow_sequence(i, packet, rx);
  count_traffic(slot, rx, {1, packet.bytes}, packet.payload, packet_us_, packet_us_);
  touch(i);
  if (slot.is_tcp()) follow_tcp(i, packet, rx);
}

void Engine::count_traffic(FlowSlot& slot, int rx, const Traffic& traffic, uint64_t payload,
                           int64_t first_us, int64_t last_us) {
  slot.side[rx].packets += traffic.packets;
  slot.bytes[rx] += traffic.bytes;
  slot.payload[rx] += payload;
  if (slot.start_said == 0) slot.first_us = std::min(slot.first_us, first_us);
  slot.last_us = std::max(slot.last_us, last_us);
  slot.dirty = 1;
  counters_.sessions += traffic;
}

void Engine::follow_tcp(uint32_t i, const DecodedPacket& packet, int rx) {
  FlowSlot& slot = table_.slot(i);
  auto& side = slot.side[rx];
  const uint8_t flags = packet.tcp_flags;
  side.tcp_flags |= flags;
  const bool plain = (flags & (kSyn | kFin | kRst)) == 0;
  // Data and ACKs of an established connection cannot change its state.
  const auto idle_before = static_cast<IdleState>(slot.idle_state);
  if (plain && idle_before != IdleState::kHandshake &&
      side.state >= static_cast<uint64_t>(EndpointState::kPartial) &&
      (slot.history_bad || rx == 1)) {
    return;
  }
  if ((flags & kSyn) != 0) note_syn(i, packet, rx);
  tcp_advance(slot, packet, rx);
  const int64_t timeout_before = idle_timeout(slot);
  if ((flags & kFin) != 0) {
    side.fin = 1;
    set_idle_state(slot, IdleState::kHalfClosed);
  } else if ((flags & (kSyn | kRst)) == 0 && idle_before == IdleState::kHandshake) {
    set_idle_state(slot, IdleState::kEstablished);
  }
  const bool closes = (flags & kRst) != 0 || (slot.side[0].fin && slot.side[1].fin);
  if (!slot.closed && closes) {
    slot.closed = 1;
    slot.due_or_closed = slot.activity;
    rearm(i);
  } else if (idle_timeout(slot) < timeout_before) {
    rearm(i);
  }
}

void Engine::note_syn(uint32_t i, const DecodedPacket& packet, int rx) {
  FlowSlot& slot = table_.slot(i);
  if (is_plain_syn(packet)) {
    table_.tcp_facts(i).sequence[rx] = packet.tcp_sequence;
    slot.side[rx].syn_recorded = 1;
  }
  if ((packet.tcp_flags & kRst) != 0) return;
  // The answer acknowledges a SYN that was not seen. Note its number, because it may come late.
  const bool answer = (packet.tcp_flags & (kAck | kFin)) == kAck;
  if (answer && !slot.side[1 - rx].syn_recorded) {
    table_.tcp_facts(i).sequence[1 - rx] = packet.tcp_acknowledgement - 1;
    slot.side[1 - rx].syn_recorded = 1;
  }
  // Round-trip time: from the initiator's latest SYN to the responder's first SYN-ACK.
  const bool ack = (packet.tcp_flags & kAck) != 0;
  const auto rtt = static_cast<RttState>(slot.rtt_state);
  if (rx == 0 && !ack && (rtt == RttState::kNone || rtt == RttState::kSynSeen)) {
    table_.tcp_facts(i).syn_us_or_rtt = packet_us_;
    slot.rtt_state = static_cast<uint64_t>(RttState::kSynSeen);
  } else if (rx == 1 && ack && rtt == RttState::kSynSeen) {
    int64_t& value = table_.tcp_facts(i).syn_us_or_rtt;
    value = std::clamp<int64_t>(packet_us_ - value, 0, kRttMax);
    slot.rtt_state = static_cast<uint64_t>(RttState::kKnown);
  } else if (rx == 1 && ack && rtt == RttState::kNone) {
    slot.rtt_state = static_cast<uint64_t>(RttState::kNever);
  }
}

void Engine::evict_one() {
  const uint64_t now = static_cast<uint64_t>(now_us_) & kTime48Mask;
  const uint32_t i = eviction_.pop_oldest(table_, now);
  counters_.evictions++;
  end_session(i, end_reason(table_.slot(i), EndReason::kLackOfResources));
}

// The end reason of a session that ended by itself before, else `now`.
EndReason Engine::end_reason(const FlowSlot& slot, EndReason now) const {
  if (slot.closed) return EndReason::kEndOfFlowDetected;
  const bool idle = time48_difference(now_of(slot), slot.activity) > idle_timeout(slot);
  return idle ? EndReason::kIdleTimeout : now;
}

void Engine::end_session(uint32_t i, EndReason reason) {
  tell_end(i, reason);
  table_.erase(i);
  counters_.open_sessions = table_.size();
}

void Engine::tell_end(uint32_t i, EndReason reason) {
  if (table_.slot(i).waiting_syn != 0) count_waiting_syn(i);
  emit(i, reason);
  counters_.ended[static_cast<int>(reason)]++;
  epochs_.ended(table_.slot(i).sequence);
}

// A session that was reported early and had no packet since then needs no further record.
void Engine::emit(uint32_t i, EndReason reason) {
  FlowSlot& slot = table_.slot(i);
  if (slot.reported && !slot.dirty) return;
  slot.dirty = 0;
  slot.start_said = 1;
  if (sink_ == nullptr) return;
  SessionRecord* record = sink_->next_record();
  if (record == nullptr) {
    counters_.records_dropped++;
    return;
  }
  counters_.records_made++;
  fill_record(i, reason, *record);
}

void Engine::fill_record(uint32_t i, EndReason reason, SessionRecord& record) {
  const FlowSlot& slot = table_.slot(i);
  const bool b = slot.initiator_is_b;
  std::memset(static_cast<void*>(&record), 0, sizeof(record));
  record.sequence = slot.sequence;
  record.first_us = slot.first_us;
  record.last_us = slot.last_us;
  record.bytes_tx = slot.bytes[0];
  record.bytes_rx = slot.bytes[1];
  record.payload_tx = slot.payload[0];
  record.payload_rx = slot.payload[1];
  record.packets_tx = slot.side[0].packets;
  record.packets_rx = slot.side[1].packets;
  store_address(record.source_ip, slot.key, b);
  store_address(record.dest_ip, slot.key, !b);
  record.source_port = b ? slot.key.port_b() : slot.key.port_a();
  record.dest_port = b ? slot.key.port_a() : slot.key.port_b();
  record.protocol = slot.key.protocol();
  record.family = slot.key.family();
  record.end_reason = reason;
  record.conn_state = conn_state(slot);
  record.tcp_flags_tx = slot.side[0].tcp_flags;
  record.tcp_flags_rx = slot.side[1].tcp_flags;
  record.direction_basis = static_cast<DirectionBasis>(slot.basis);
  record.flags = static_cast<uint8_t>((slot.midstream ? kFlagMidstream : 0) |
                                      (slot.icmp_error ? kFlagIcmpError : 0));
  record.epoch = epochs_.of(slot.sequence);
  record.handshake_rtt_us = kNoRtt;
  if (slot.rtt_state == static_cast<uint64_t>(RttState::kKnown)) {
    record.handshake_rtt_us = static_cast<uint32_t>(table_.tcp_facts(i).syn_us_or_rtt);
  }
  if (slot.repeats != 0) {
    const Repeats& repeats = table_.repeats(i);
    record.retransmits_tx = repeats.segments[0];
    record.retransmits_rx = repeats.segments[1];
    record.retransmitted_bytes_tx = repeats.octets[0];
    record.retransmitted_bytes_rx = repeats.octets[1];
  }
}

}  // namespace tunmeter
