// A packet whose stamp is more than a minute ahead of its clock: silence, a clock that was set, or a
// wrong stamp? The engine holds it and up to 15 packets after it, until one of them decides.
//
//   a packet at the old time        of the same interface: the stamp was wrong; of another one: the
//                                   clock of the first one's interface was set
//   TCP goes on without repeating   the clock was set
//   else                            silence
//
// Rules: docs/accuracy.md. Live captures hold nothing.
#include <algorithm>
#include <utility>

#include "decode/bytes.h"
#include "engine/engine.h"

namespace tunmeter {

void Engine::hold(const DecodedPacket& packet) {
  using Word = PacketClocks::Word;
  const bool asks = held_count_ > 0 && packet.time_us != kNoTime;
  const Word word = asks ? clocks_.about_ahead(held_[0], packet) : Word::kNothing;
  if (word != Word::kNothing) {
    if (word == Word::kClockSet) clocks_.interface_was_set(held_[0]);
    // A packet after that second decides nothing, and may be ahead itself.
    if (word == Word::kOver) {
      decide_held();
    } else {
      release_held(PacketClocks::Ahead::kNoTime);
    }
    return process_and_look_up({&packet, 1}, {});
  }
  held_[held_count_++] = packet;
  if (held_count_ == kHeldMax) decide_held();
}

void Engine::decide_held() {
  if (held_count_ == 0) return;
  for (uint32_t i = 0; i < held_count_; i++) {
    if (!denies_silence(i)) continue;
    clocks_.clock_was_set(held_[0]);
    return release_held(PacketClocks::Ahead::kNoTime);
  }
  release_held(PacketClocks::Ahead::kSilence);
}

void Engine::release_held(PacketClocks::Ahead ahead) {
  const uint32_t count = std::exchange(held_count_, 0);
  ahead_ = ahead;
  process_and_look_up({held_, count}, {});
  ahead_ = PacketClocks::Ahead::kAsk;
}

// True if TCP proves that this packet did not follow a minute of silence. TCP acknowledges data
// within half a second, and repeats unacknowledged data within a minute. So a packet that
// acknowledges earlier data, or continues unacknowledged data, comes soon after that data.
bool Engine::denies_silence(uint32_t held) {
  const auto of_session = [](const DecodedPacket& each) {
    return each.kind == PacketKind::kSession || each.kind == PacketKind::kFirstFragment;
  };
  const DecodedPacket& packet = held_[held];
  const bool tcp = of_session(packet) && packet.key.protocol() == 6 && packet.tcp_flags_known;
  if (!tcp || (packet.tcp_flags & kRst) != 0) return false;
  bool first_of_session = true;
  for (uint32_t i = 0; i < held; i++) {
    if (!of_session(held_[i]) || held_[i].hash != packet.hash) continue;
    if (held_[i].from_b == packet.from_b) return false;
    first_of_session = false;
  }
  const uint32_t i = table_.find(packet.key, packet.hash);
  if (i == kNoSlot) return false;
  const FlowSlot& slot = table_.slot(i);
  const int64_t idle_us = time48_difference(now_of(slot), slot.activity);
  const bool recent = slot.clock == clocks_.clock_of(held_[0]) &&
                      idle_us <= std::min(PacketClocks::kStepUs, idle_timeout(slot));
  if (slot.closed || !recent || equal_endpoints(slot.key)) return false;
  const int rx = direction(slot, packet.from_b);
  const TcpFacts& facts = table_.tcp_facts(i);
  const bool answers = first_of_session && (packet.tcp_flags & kAck) != 0 &&
                       (slot.numbers & kUnanswered << (1 - rx)) != 0 &&
                       packet.tcp_acknowledgement == facts.next[1 - rx];
  const bool goes_on = (packet.payload > 0 || (packet.tcp_flags & kFin) != 0) &&
                       (slot.numbers & kUnanswered << rx) != 0 && slot.side[1 - rx].packets > 0 &&
                       packet.tcp_sequence == facts.next[rx];
  return answers || goes_on;
}

}  // namespace tunmeter
