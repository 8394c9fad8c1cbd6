// The clocks that stamp packets, and engine time on each of them.
//
// A flow ends by its own silence, so a stamp moves only its own clock. Interfaces of a capture
// share a clock if their first stamps agree to a minute; one that does not agree has its own clock.
// A clock that is set is set for one interface: if another interface continues as before, no time
// has passed. A clock's engine time never decreases:
//
//   up to a minute back      reordering: time stands still
//   further back             the clock was set: its engine time continues from its value; if stamps
//                            return to the earlier clock, the earlier offset is used again
//   more than a minute on    silence, or the clock was set, or the stamp is wrong: the engine holds
//                            such a packet until those after it decide (engine_held.cc)
//
// A live capture has one clock, the system's monotonic clock. Stamps only say how old a packet is.
#pragma once

#include <algorithm>
#include <cstdint>

#include "decode/decoded_packet.h"

namespace tunmeter {

class PacketClocks {
 public:
  static constexpr uint32_t kClocksMax = 8;  // interfaces that need more share the last clock
  static constexpr int64_t kStepUs = 60'000'000;
  // A jump counts at most this far (2.2 years): more than any timeout, and 48-bit times still
  // compare.
  static constexpr int64_t kJumpMaxUs = int64_t{1} << 46;
  // Engine time stops here (year 148000), long before sums of times could overflow.
  static constexpr int64_t kEngineTimeMax = int64_t{1} << 62;

  // What a stamp more than a minute ahead means. kAsk: not known yet.
  enum class Ahead { kAsk, kSilence, kNoTime };
  static constexpr int64_t kAhead = -1;
  // Takes a packet's stamp and interface. Returns how far the packet's clock advanced; or kAhead,
  // with `ahead` kAsk, and then nothing has changed.
  int64_t take(uint16_t interface, int64_t packet_us, int64_t engine_us, Ahead ahead);
  // What a later packet says about one that was ahead.
  enum class Word { kNothing, kOver, kWrongStamp, kClockSet };
  Word about_ahead(const DecodedPacket& ahead, const DecodedPacket& later) const;
  // The clock of that packet's interface was set: its stamp is engine time now.
  void interface_was_set(const DecodedPacket& packet);
  // The same for all interfaces of that clock.
  void clock_was_set(const DecodedPacket& packet);
  uint32_t clock_of(const DecodedPacket& packet) const {
    return stamps_[packet.interface % kInterfaces].known - 1u;
  }
  // Advances the latest packet's clock without a packet.
  int64_t advance(int64_t us, int64_t engine_us);
  // Live, before each read: engine time now, and the offset from a stamp of this moment to it.
  void set_live(int64_t engine_us, int64_t offset_us);

  uint32_t current() const { return current_; }
  int64_t now(uint32_t clock) const { return clocks_[clock].now_us; }

 private:
  static constexpr uint32_t kInterfaces = 256;
  struct Clock {
    int64_t now_us = 0;     // engine time
    int64_t offset_us = 0;  // engine time minus the stamp of the latest packet's interface
    int64_t left_us = 0;    // engine time of all clocks when another clock's packet came
    bool near(int64_t us) const { return us >= now_us - kStepUs && us <= now_us + kStepUs; }
  };
  struct Stamps {
    int64_t offset_us = 0;       // engine time less the stamp
    int64_t last_offset_us = 0;  // before its clock was set
    uint8_t known = 0;           // its clock and one; 0: not seen
    void set(int64_t us) {
      last_offset_us = offset_us;
      offset_us = us;
    }
  };
  [[gnu::noinline]] int64_t take_far(uint32_t i, int64_t packet_us, int64_t engine_us, Ahead ahead);
  int64_t silence(uint32_t clock, uint32_t interface, int64_t us);
  void switch_to(uint32_t clock, int64_t engine_us);
  uint32_t clock_of(uint16_t interface, int64_t packet_us, int64_t engine_us);
  uint32_t first_clock(int64_t packet_us, int64_t engine_us);
  int64_t moved(Clock& clock, int64_t us);
  int64_t take_live(int64_t packet_us);

  Clock clocks_[kClocksMax];
  uint32_t count_ = 0;
  uint32_t current_ = 0;
  bool live_ = false;
  int64_t live_us_ = 0;
  Stamps stamps_[kInterfaces];
};

}  // namespace tunmeter
