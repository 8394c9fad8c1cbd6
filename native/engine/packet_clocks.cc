#include "engine/packet_clocks.h"

#include <algorithm>
#include <utility>

namespace tunmeter {
namespace {

// A packet may be this much later than the latest set_live().
constexpr int64_t kLiveSlackUs = 1'000'000;
// Packets up to this long after a packet ahead decide what it means.
constexpr int64_t kTellingUs = 1'000'000;

}  // namespace

int64_t PacketClocks::take(uint16_t interface, int64_t packet_us, int64_t engine_us, Ahead ahead) {
  if (live_) return take_live(packet_us);
  const uint32_t i = interface % kInterfaces;
  const uint32_t c = clock_of(i, packet_us, engine_us);
  const int64_t us = std::min(packet_us + stamps_[i].offset_us, kEngineTimeMax);
  if (!clocks_[c].near(us)) return take_far(i, packet_us, engine_us, ahead);
  switch_to(c, engine_us);
  clocks_[c].offset_us = stamps_[i].offset_us;
  return moved(clocks_[c], us);
}

int64_t PacketClocks::take_far(uint32_t i, int64_t packet_us, int64_t engine_us, Ahead ahead) {
  Stamps& stamps = stamps_[i];
  const uint32_t c = stamps.known - 1u;
  Clock& clock = clocks_[c];
  int64_t us = std::min(packet_us + stamps.offset_us, kEngineTimeMax);
  const int64_t as_before = packet_us + stamps.last_offset_us;
  if (clock.near(as_before)) {
    std::swap(stamps.offset_us, stamps.last_offset_us);
    us = as_before;
  } else if (us < clock.now_us) {
    stamps.set(clock.now_us - packet_us);
    us = clock.now_us;
  } else {
    // Time went on for other interfaces: then this one was silent, and its stamp is not ahead.
    const int64_t elsewhere_us = c == current_ ? 0 : engine_us - clock.left_us;
    const bool known = us - clock.now_us <= elsewhere_us + kStepUs;
    if (ahead == Ahead::kAsk && !known) return kAhead;
    switch_to(c, engine_us);
    return ahead == Ahead::kNoTime && !known ? 0 : silence(c, i, us);
  }
  switch_to(c, engine_us);
  clock.offset_us = stamps.offset_us;
  return moved(clock, us);
}

void PacketClocks::switch_to(uint32_t clock, int64_t engine_us) {
  if (clock == current_) return;
  clocks_[current_].left_us = engine_us;
  current_ = clock;
}

int64_t PacketClocks::silence(uint32_t clock, uint32_t interface, int64_t us) {
  Clock& silent = clocks_[clock];
  const int64_t beyond_us = std::max<int64_t>(us - silent.now_us - kJumpMaxUs, 0);
  for (Stamps& stamps : stamps_) {
    if (stamps.known == clock + 1) stamps.offset_us -= beyond_us;
  }
  silent.offset_us = stamps_[interface].offset_us;
  return moved(silent, us - beyond_us);
}

PacketClocks::Word PacketClocks::about_ahead(const DecodedPacket& ahead,
                                             const DecodedPacket& later) const {
  const Stamps& first = stamps_[ahead.interface % kInterfaces];
  const Stamps& second = stamps_[later.interface % kInterfaces];
  if (second.known == 0) return Word::kNothing;
  const Clock& clock = clocks_[second.known - 1];
  const int64_t us = later.time_us + second.offset_us;
  const bool near = clock.near(us) || clock.near(later.time_us + second.last_offset_us);
  // Another clock went on as before: no time has passed.
  if (second.known != first.known) return near ? Word::kClockSet : Word::kNothing;
  const int64_t ahead_us = ahead.time_us + first.offset_us;
  if (!near && us >= ahead_us - kStepUs) {
    return us > ahead_us + kTellingUs ? Word::kOver : Word::kNothing;
  }
  return ahead.interface == later.interface ? Word::kWrongStamp : Word::kClockSet;
}

void PacketClocks::interface_was_set(const DecodedPacket& packet) {
  Stamps& stamps = stamps_[packet.interface % kInterfaces];
  stamps.set(clocks_[stamps.known - 1].now_us - packet.time_us);
}

void PacketClocks::clock_was_set(const DecodedPacket& packet) {
  const Stamps& own = stamps_[packet.interface % kInterfaces];
  const uint8_t known = own.known;
  const int64_t by_us = packet.time_us + own.offset_us - clocks_[known - 1].now_us;
  for (Stamps& stamps : stamps_) {
    if (stamps.known == known) stamps.set(stamps.offset_us - by_us);
  }
}

int64_t PacketClocks::moved(Clock& clock, int64_t us) {
  const int64_t before_us = clock.now_us;
  clock.now_us = std::max(before_us, us);
  return clock.now_us - before_us;
}

uint32_t PacketClocks::clock_of(uint16_t interface, int64_t packet_us, int64_t engine_us) {
  Stamps& stamps = stamps_[interface];
  if (stamps.known == 0) {
    const uint32_t first = first_clock(packet_us, engine_us);
    stamps.known = static_cast<uint8_t>(first + 1);
    stamps.offset_us = stamps.last_offset_us = clocks_[first].offset_us;
  }
  return stamps.known - 1u;
}

// The clock for an interface's first packet: one that agrees with its stamp, or a new one.
uint32_t PacketClocks::first_clock(int64_t packet_us, int64_t engine_us) {
  for (uint32_t i = 0; i < count_; i++) {
    if (clocks_[i].near(packet_us + clocks_[i].offset_us)) return i;
  }
  if (count_ == kClocksMax) return count_ - 1;
  const int64_t now_us = count_ == 0 ? packet_us : engine_us;
  clocks_[count_] = {now_us, now_us - packet_us, engine_us};
  return count_++;
}

int64_t PacketClocks::advance(int64_t us, int64_t engine_us) {
  if (live_) return moved(clocks_[0], us);
  if (count_ == 0) return take(0, us, engine_us, Ahead::kAsk);
  Clock& clock = clocks_[current_];
  const int64_t time_us = std::min(us + clock.offset_us, kEngineTimeMax);
  if (time_us >= clock.now_us - kStepUs) return moved(clock, time_us);
  clock.offset_us += clock.now_us - time_us;
  for (Stamps& stamps : stamps_) {
    if (stamps.known == current_ + 1) stamps.set(stamps.offset_us + clock.now_us - time_us);
  }
  return moved(clock, clock.now_us);
}

void PacketClocks::set_live(int64_t engine_us, int64_t offset_us) {
  live_ = true;
  live_us_ = engine_us;
  clocks_[0].offset_us = offset_us;
}

// If the wall clock is set while a packet waits to be read, the packet looks too old, which moves
// nothing, or too young, which moves time at most kLiveSlackUs beyond set_live().
int64_t PacketClocks::take_live(int64_t packet_us) {
  return moved(clocks_[0], std::min(packet_us + clocks_[0].offset_us, live_us_ + kLiveSlackUs));
}

}  // namespace tunmeter
