// Packets: batches, the clock, and the path of each kind of packet. Sessions: engine_session.cc.
// Timers: engine_timers.cc.
#include "engine/engine.h"

#include <algorithm>
#include <utility>

#include "decode/decode.h"
#include "engine/tcp_state.h"

namespace tunmeter {

Engine::Engine(const EngineOptions& options, RecordSink* sink)
    : options_(options),
      idle_us_{options.handshake_us, options.established_us, options.half_closed_us,
               options.udp_us},
      sink_(sink),
      table_(options.flows_max),
      wheel_(options.flows_max),
      fragments_(options.fragments_max, table_.hash_secrets(), counters_) {}

// Three steps for each 32 packets: decode and hash (and prefetch the index lines), look up by hash
// (and prefetch the likely slots), count one by one, in order. The second step of one batch
// alternates with the third step of the batch before it, so that cache misses overlap with each
// other and with work. The second step finds only a hint, because earlier packets may change the
// table.
void Engine::packets(std::span<const RawPacket> batch) noexcept {
  in_steps(batch, [this](const RawPacket& raw, DecodedPacket& packet) {
    decode_with_hash(raw, hash_secrets(), packet);
  });
}

// The packets are copied, 32 at a time, because they come from another core's cache: their misses
// overlap, and writes stay in this core's memory.
void Engine::decoded(std::span<const DecodedPacket> batch) noexcept {
  in_steps(batch, [](const DecodedPacket& from, DecodedPacket& packet) { packet = from; });
}

template <typename Packet, typename Decode>
void Engine::in_steps(std::span<const Packet> batch, Decode decode) {
  std::span<DecodedPacket> current;
  for (int half = 0; !batch.empty() || !current.empty(); half ^= 1) {
    const std::span ahead(batches_[half], std::min<size_t>(batch.size(), kBatch));
    for (size_t i = 0; i < ahead.size(); i++) {
      decode(batch[i], ahead[i]);
      if (has_key(ahead[i].kind)) table_.prefetch_index(ahead[i].hash);
    }
    batch = batch.subspan(ahead.size());
    process_and_look_up(current, ahead);
    current = ahead;
  }
}

// Alternates one packet of each, because a processor keeps only a few dozen misses in flight.
void Engine::process_and_look_up(std::span<const DecodedPacket> current,
                                 std::span<DecodedPacket> ahead) {
  for (size_t i = 0; i < std::max(ahead.size(), current.size()); i++) {
    if (i < current.size()) process(current[i]);
    if (i >= ahead.size()) continue;
    DecodedPacket& packet = ahead[i];
    packet.slot_hint = has_key(packet.kind) ? table_.prefetch_slot(packet.hash) : kNoSlot;
  }
}

void Engine::process(const DecodedPacket& packet) {
  if (held_count_ > 0 || !advance_clock(packet)) [[unlikely]]
    return hold(packet);
  counters_.all.add(packet.bytes);
  switch (packet.kind) {
    case PacketKind::kSession:
      return process_session(packet);
    case PacketKind::kFirstFragment:
      return process_first_fragment(packet);
    case PacketKind::kLaterFragment:
      return process_later_fragment(packet);
    case PacketKind::kIcmpError:
      process_icmp_error(packet);
      break;
    case PacketKind::kOther:
      break;
  }
  count_other(packet.reason, packet.bytes);
}

// A packet without a time has the time of the packet before it. False: its stamp is ahead.
bool Engine::advance_clock(const DecodedPacket& packet) {
  int64_t us = packet.time_us;
  if (us == kNoTime) {
    if (has_time_) return true;
    us = packet_us_;
  }
  const int64_t passed_us = clocks_.take(packet.interface, us, now_us_, ahead_);
  if (passed_us == PacketClocks::kAhead) return false;
  packet_us_ = us;
  pass_time(passed_us);
  return true;
}

void Engine::advance(int64_t timestamp_ns) {
  decide_held();
  const int64_t passed_us = clocks_.advance(std::max<int64_t>(timestamp_ns, 0) / 1000, now_us_);
  pass_time(passed_us);
}

void Engine::pass_time(int64_t passed_us) {
  if (!has_time_) return set_engine_time(clocks_.now(clocks_.current()));
  if (passed_us == 0) return;
  const int64_t left_us = PacketClocks::kEngineTimeMax - now_us_;
  set_engine_time(now_us_ + std::min(passed_us, left_us));
}

void Engine::set_engine_time(int64_t us) {
  now_us_ = us;
  if (!has_time_) {
    has_time_ = true;
    counters_.has_time = 1;
    now_tick_ = us / kTickUs;
    next_tick_us_ = (now_tick_ + 1) * kTickUs;
  } else if (us >= next_tick_us_) {
    run_timers();
  }
  counters_.engine_time_us = us;
}

void Engine::process_session(const DecodedPacket& packet) {
  if (count_in_session(packet) == kNoSlot) count_other(OtherReason::kStray, packet.bytes);
}

// Returns the flow that counted the packet, or kNoSlot for a stray packet.
uint32_t Engine::count_in_session(const DecodedPacket& packet) {
  uint32_t i = find_live(packet);
  if (i != kNoSlot && table_.slot(i).waiting_syn != 0) i = answer_waiting_syn(i, packet);
  if (i != kNoSlot && must_wait_for_answer(i, packet) && wait_for_answer(i, packet)) return i;
  if (i != kNoSlot && table_.slot(i).closed && reuses(i, packet)) {
    end_session(i, EndReason::kEndOfFlowDetected);
    i = kNoSlot;
  }
  const bool opens = i == kNoSlot;
  if (opens) {
    const bool tcp = packet.key.protocol() == 6;
    if (tcp && tcp_opening(packet) == TcpOpening::kNothing) return kNoSlot;
    i = open_session(packet);
  }
  count_packet(i, packet);
  if (opens) rearm(i);
  return i;
}

void Engine::process_first_fragment(const DecodedPacket& packet) {
  const uint32_t i = count_in_session(packet);
  if (i == kNoSlot) count_other(OtherReason::kStray, packet.bytes);
  Datagram& datagram = fragments_.touch(fragment_key(packet), now_us_);
  if (i == kNoSlot) {
    fragments_.give_up_pending(datagram);
    datagram.state = DatagramState::kNoSession;
    return;
  }
  datagram.flow = packet.key;
  datagram.from_b = packet.from_b;
  datagram.state = DatagramState::kHead;
  const Traffic pending = fragments_.take_pending(datagram);
  if (pending.packets == 0) return;
  FlowSlot& slot = table_.slot(i);
  count_traffic(slot, direction(slot, packet.from_b), pending, datagram.payload, datagram.first_us,
                datagram.last_us);
  touch(i);
}

void Engine::process_later_fragment(const DecodedPacket& packet) {
  Datagram& datagram = fragments_.touch(fragment_key(packet), now_us_);
  if (datagram.state == DatagramState::kPending) {
    if (datagram.pending.packets == 0) {
      counters_.pending_datagrams++;
      datagram.first_us = datagram.last_us = packet_us_;
      datagram.payload = 0;
    }
    datagram.first_us = std::min(datagram.first_us, packet_us_);
    datagram.last_us = std::max(datagram.last_us, packet_us_);
    datagram.pending.add(packet.bytes);
    datagram.payload += packet.payload;
    counters_.pending.add(packet.bytes);
    return;
  }
  uint32_t i = kNoSlot;
  if (datagram.state == DatagramState::kHead) {
    i = table_.find(datagram.flow, hash_key(table_.hash_secrets(), datagram.flow));
    if (i != kNoSlot && gone_at_hit(i)) i = kNoSlot;
  }
  if (i == kNoSlot) return count_other(OtherReason::kFragment, packet.bytes);
  FlowSlot& slot = table_.slot(i);
  count_traffic(slot, direction(slot, datagram.from_b), {1, packet.bytes}, packet.payload,
                packet_us_, packet_us_);
  touch(i);
}

// The error only marks a refused attempt for its connState. It is no packet of the session and does
// not end it.
void Engine::process_icmp_error(const DecodedPacket& packet) {
  const uint32_t i = find_live(packet);
  if (i == kNoSlot) return;
  FlowSlot& slot = table_.slot(i);
  const bool unanswered = slot.side[1].packets == 0;
  if (unanswered && direction(slot, packet.from_b) == 0) slot.icmp_error = 1;
}

void Engine::count_other(OtherReason reason, uint32_t bytes) {
  counters_.other[static_cast<int>(reason)].add(bytes);
}

void Engine::finish() {
  decide_held();
  struct Open {
    uint64_t sequence;
    uint32_t slot;
  };
  std::vector<Open> open;
  table_.drop_index();  // the list needs about as much memory
  open.reserve(table_.size());
  for (uint32_t i = 0; i < table_.slots_used(); i++) {
    if (table_.slot(i).live()) open.push_back({table_.slot(i).sequence, i});
  }
  const auto older = [](const Open& a, const Open& b) { return a.sequence < b.sequence; };
  if (!std::is_sorted(open.begin(), open.end(), older)) std::sort(open.begin(), open.end(), older);
  for (const Open& o : open) {
    tell_end(o.slot, end_reason(table_.slot(o.slot), EndReason::kForcedEnd));
  }
  counters_.open_sessions = 0;
  table_.clear();
  wheel_.clear();
  eviction_.clear();
  fragments_.clear();
}

size_t Engine::memory_bytes() const {
  return table_.memory_bytes() + wheel_.memory_bytes() + fragments_.memory_bytes() +
         eviction_.memory_bytes() + epochs_.memory_bytes() +
         waiting_syns_.capacity() * sizeof(WaitingSyn) +
         (due_.capacity() + due_again_.capacity()) * sizeof(DueEvent);
}

const char* Engine::check() const {
  if (const char* fault = table_.check()) return fault;
  if (const char* fault = wheel_.check(table_)) return fault;
  if (const char* fault = fragments_.check()) return fault;
  Traffic sum = counters_.sessions;
  sum += counters_.pending;
  for (const Traffic& other : counters_.other) sum += other;
  const bool conserved = sum.packets == counters_.all.packets && sum.bytes == counters_.all.bytes;
  if (!conserved) return "sessions + other + pending differ from all traffic";
  uint64_t ended = 0;
  for (int reason = 1; reason <= 5; reason++) {
    if (reason != static_cast<int>(EndReason::kActiveTimeout)) ended += counters_.ended[reason];
  }
  if (counters_.open_sessions != table_.size()) return "open sessions differ from the table";
  if (epochs_.open_sessions() != table_.size()) return "open sessions of all epochs differ";
  return ended + table_.size() == counters_.sessions_opened ? nullptr : "a session was lost";
}

}  // namespace tunmeter
