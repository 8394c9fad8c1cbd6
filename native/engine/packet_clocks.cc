#include "engine/packet_clocks.h"

#include <algorithm>
#include <utility>

namespace tunmeter {
namespace {

// A packet may be this much later than the latest set_live().
constexpr int64_t kLiveSlackUs = 1'000'000;

}  // namespace

int64_t PacketClocks::take(uint16_t interface, int64_t packet_us, int64_t engine_us) {
  if (live_) return take_live(packet_us);
  const uint32_t i = interface % kInterfaces;
  current_ = clock_of(i, packet_us, engine_us);
  confirmed_us_ = kNoTime;
  Clock& clock = clocks_[current_];
  Stamps& stamps = stamps_[i];
  int64_t us = std::min(packet_us + stamps.offset_us, kEngineTimeMax);
  if (!clock.near(us)) {
    const int64_t as_before = packet_us + stamps.last_offset_us;
    if (clock.near(as_before)) {
      std::swap(stamps.offset_us, stamps.last_offset_us);
      us = as_before;
    } else if (us < clock.now_us) {
      stamps.set(clock.now_us - packet_us);
      us = clock.now_us;
    } else {
      return jump(clock, i, us);
    }
  }
  clock.offset_us = stamps.offset_us;
  contradict(clock, i);
  return moved(clock, us);
}

// Time went on for another interface as before: there was no silence, that interface's clock was set.
void PacketClocks::contradict(const Clock& clock, uint32_t interface) {
  if (clock.ahead_us == kNoTime || clock.ahead_interface == interface) return;
  Stamps& ahead = stamps_[clock.ahead_interface];
  ahead.set(ahead.offset_us - (clock.ahead_us - clock.now_us));
}

// A stamp more than a minute ahead moves only its own session until a second packet confirms it.
int64_t PacketClocks::jump(Clock& clock, uint32_t interface, int64_t us) {
  if (clock.ahead_us == kNoTime || us < clock.ahead_us - kStepUs) {
    clock.ahead_us = us;
    clock.ahead_interface = interface;
    seen_us_ = clock.jump_us();
    return 0;
  }
  confirmed_us_ = clock.jump_us();
  const int64_t beyond_us = clock.ahead_us - confirmed_us_;
  for (Stamps& stamps : stamps_) {
    if (stamps.known == current_ + 1) stamps.offset_us -= beyond_us;
  }
  clock.offset_us = stamps_[interface].offset_us;
  return moved(clock, std::clamp(us - beyond_us, confirmed_us_, kEngineTimeMax));
}

int64_t PacketClocks::moved(Clock& clock, int64_t us) {
  const int64_t before_us = clock.now_us;
  clock.ahead_us = kNoTime;
  clock.now_us = seen_us_ = std::max(before_us, us);
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
  clocks_[count_] = {now_us, now_us - packet_us};
  return count_++;
}

int64_t PacketClocks::advance(int64_t us, int64_t engine_us) {
  if (live_) return moved(clocks_[0], us);
  if (count_ == 0) return take(0, us, engine_us);
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

bool PacketClocks::settle(uint32_t clock) {
  Clock& settled = clocks_[clock];
  if (settled.ahead_us == kNoTime) return false;
  settled.now_us = settled.jump_us();
  settled.ahead_us = kNoTime;
  return true;
}

}  // namespace tunmeter
