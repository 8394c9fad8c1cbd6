// The clocks that packets are stamped by, and engine time as each of them has it.
//
// A flow is ended by its own silence, so a stamp moves only the time of its own clock. Interfaces
// of a capture share a clock as long as their first stamps agree to a minute; one that does not
// agree has a clock of its own. A clock's engine time never decreases:
//
//   up to a minute back      reordering: it is held
//   further back             the clock was set: its engine time goes on from where it was; if the
//                            stamps come back to where they were before, so does the offset
//   more than a minute on    silence, once another packet says so, too; one bad stamp moves nothing
//                            but the session that it is of
//
// Live there is one clock, the system's monotonic one: stamps say only how old a packet is.
#pragma once

#include <algorithm>
#include <cstdint>

namespace tunmeter {

class PacketClocks {
 public:
  static constexpr uint32_t kClocksMax = 8;  // interfaces of more share the last one's
  static constexpr int64_t kStepUs = 60'000'000;
  // A jump counts so far (2.2 years): more than any timeout, and 48-bit times still compare.
  static constexpr int64_t kJumpMaxUs = int64_t{1} << 46;
  // Engine time stops here (year 148000), far from where sums of times could overflow.
  static constexpr int64_t kEngineTimeMax = int64_t{1} << 62;

  // A packet of that interface, stamped so. Returns by how much its clock moved on.
  int64_t take(uint16_t interface, int64_t packet_us, int64_t engine_us);
  // Time passes without a packet, on the clock of the latest one.
  int64_t advance(int64_t us, int64_t engine_us);
  // Live: engine time now, and what makes it of a stamp of this moment. Before each read.
  void set_live(int64_t engine_us, int64_t offset_us);
  // The latest packet is the first one far ahead on its clock.
  bool ahead() const { return clocks_[current_].ahead_us != kNoTime; }
  // The latest packet was the second: engine time of the first.
  bool confirms() const { return confirmed_us_ != kNoTime; }
  int64_t confirmed_us() const { return confirmed_us_; }
  // The input is over: a jump that nobody contradicted was one. False: there was none.
  bool settle(uint32_t clock);

  uint32_t current() const { return current_; }
  // What the latest packet's stamp says, before others confirm it: for its own session.
  int64_t seen_us() const { return seen_us_; }
  int64_t now(uint32_t clock) const { return clocks_[clock].now_us; }

 private:
  static constexpr uint32_t kInterfaces = 256;
  static constexpr int64_t kNoTime = INT64_MIN;
  struct Clock {
    int64_t now_us = 0;          // engine time
    int64_t offset_us = 0;       // engine time less the stamp
    int64_t last_offset_us = 0;  // before it was set
    int64_t ahead_us = kNoTime;  // a jump that no second packet has confirmed
    int64_t jump_us() const { return std::min(ahead_us, now_us + kJumpMaxUs); }
    bool near(int64_t us) const { return us >= now_us - kStepUs && us <= now_us + kStepUs; }
  };
  int64_t jump(Clock& clock, int64_t us);
  uint32_t clock_of(uint16_t interface, int64_t packet_us, int64_t engine_us);
  uint32_t first_clock(int64_t packet_us, int64_t engine_us);
  int64_t moved(Clock& clock, int64_t us);
  int64_t take_live(int64_t packet_us);

  Clock clocks_[kClocksMax];
  uint32_t count_ = 0;
  uint32_t current_ = 0;
  int64_t seen_us_ = 0;
  int64_t confirmed_us_ = kNoTime;
  bool live_ = false;
  int64_t live_us_ = 0;
  uint8_t of_interface_[kInterfaces] = {};  // its clock and one; 0: not seen
};

}  // namespace tunmeter
