// TCP retransmits by sequence numbers. Rules: docs/accuracy.md.
#include "decode/bytes.h"
#include "engine/engine.h"

namespace tunmeter {

// The usual segment starts at the next number, and needs no more than this function. `packets`: the
// number of equal segments. Call it before they are counted.
void Engine::follow_sequence(uint32_t i, const DecodedPacket& packet, int rx, uint64_t packets) {
  const uint8_t flags = packet.tcp_flags;
  const uint32_t numbers = packet.payload + ((flags & kSyn) != 0) + ((flags & kFin) != 0);
  const uint64_t others = kUnanswered << (1 - rx);
  if ((table_.slot(i).numbers & others) != 0 && (flags & kAck) != 0 &&
      packet.tcp_acknowledgement == table_.tcp_facts(i).next[1 - rx]) {
    table_.slot(i).numbers &= ~others;
  }
  if (!packet.tcp_flags_known || numbers == 0 || (flags & kRst) != 0 || packets == 0) return;
  if (packets > 1) {
    // The first may be new (it fills a gap or begins anew); the others repeat it.
    follow_sequence(i, packet, rx, 1);
    --packets;
  }
  FlowSlot& slot = table_.slot(i);
  uint32_t& next = table_.tcp_facts(i).next[rx];
  const bool usual = packet.tcp_sequence == next && (flags & kSyn) == 0 && slot.repeats == 0;
  if ((slot.numbers & kFollowed << rx) != 0 && !usual)
    return follow_unusual(i, packet, rx, packets);
  slot.numbers |= (kFollowed | kUnanswered) << rx;
  next = packet.tcp_sequence + numbers;
}

void Engine::follow_unusual(uint32_t i, const DecodedPacket& packet, int rx, uint64_t packets) {
  FlowSlot& slot = table_.slot(i);
  const bool syn = (packet.tcp_flags & kSyn) != 0;
  const bool fin = (packet.tcp_flags & kFin) != 0;
  uint32_t& next = table_.tcp_facts(i).next[rx];
  const int64_t numbers = int64_t{packet.payload} + syn + fin;
  const int64_t from = static_cast<int32_t>(packet.tcp_sequence - next);
  const int64_t to = from + numbers;
  const uint32_t end = next + static_cast<uint32_t>(to);
  const auto begin_anew = [&] {
    if (slot.repeats != 0) table_.repeats(i).clear_gaps(rx);
    slot.numbers |= kUnanswered << rx;
    next = end;
  };
  constexpr int64_t kFar = kWindowMax;
  // With equal endpoints two streams share one direction, so their repeats cannot be told apart.
  if (equal_endpoints(slot.key)) return begin_anew();
  if (syn && slot.payload[rx] == 0 && packet.tcp_sequence + 1 != next) return begin_anew();
  const bool late_syn = syn && (slot.side[rx].tcp_flags & kSyn) == 0;
  if (syn && (late_syn || from >= 0 || from < -kFar)) return;
  if (from > kFar || from < -kFar || numbers > kFar) return begin_anew();
  if (from > 0) {
    if (Repeats* repeats = repeats_of(i)) repeats->add_gap(rx, next, packet.tcp_sequence);
  } else if (from < 0) {
    count_repeat(i, packet, rx, packets);
  }
  if (to <= 0) return;
  slot.numbers |= kUnanswered << rx;
  next = end;
  if (slot.repeats != 0) table_.repeats(i).forget_old_gaps(rx, next);
}

// Some of the packet's numbers are below the next one. Those that fill a gap are new.
void Engine::count_repeat(uint32_t i, const DecodedPacket& packet, int rx, uint64_t packets) {
  const uint32_t next = table_.tcp_facts(i).next[rx];
  const bool syn = (packet.tcp_flags & kSyn) != 0;
  const bool fin = (packet.tcp_flags & kFin) != 0;
  const int64_t from = static_cast<int32_t>(packet.tcp_sequence - next);
  const int64_t to = from + int64_t{packet.payload} + syn + fin;
  Repeats* repeats = repeats_of(i);
  if (repeats == nullptr) return;
  const Repeats::Seen seen = repeats->fill(rx, next, from, to);
  if (seen.numbers == 0) return;
  const uint64_t octets = seen.numbers - (syn && seen.first) - (fin && seen.last);
  const bool keep_alive = packet.payload == 1 && !syn && !fin && from == -1;
  repeats->octets[rx] += octets * packets;
  if (!keep_alive) repeats->segments[rx] += packets;
}

Repeats* Engine::repeats_of(uint32_t i) {
  FlowSlot& slot = table_.slot(i);
  if (slot.repeats != 0) return &table_.repeats(i);
  Repeats* const added = table_.add_repeats(i);
  if (added == nullptr) {
    counters_.repeats_full++;
    return nullptr;
  }
  slot.repeats = 1;
  return added;
}

}  // namespace tunmeter
