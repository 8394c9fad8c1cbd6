// The engine turns packets into session records. It knows no source, no thread and no Node.
//
//   packets() -> decode, hash -> prefetch -> fragments -> flow table -> record sink
//   decoded() -------------------^          engine time -> timer wheel ----^
//
// Rules: docs/accuracy.md. For each packet, the engine allocates nothing and throws nothing, and
// every loop is bounded.
//
// Engine time is packet time in whole microseconds, made monotonic for each clock that stamps
// packets (packet_clocks.h). Flows keep times of the clock of their latest packet. The timer wheel
// advances by the progress of all clocks; with one clock, that is its time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "decode/decoded_packet.h"
#include "decode/fragments.h"
#include "engine/engine_counters.h"
#include "engine/epochs.h"
#include "engine/packet_clocks.h"
#include "engine/record_sink.h"
#include "source/packet.h"
#include "table/eviction.h"
#include "table/flow_table.h"
#include "table/prefix_set.h"
#include "table/timer_wheel.h"

namespace tunmeter {

struct EngineOptions {
  int64_t handshake_us = 30'000'000;
  int64_t established_us = 7'440'000'000;
  int64_t half_closed_us = 240'000'000;
  int64_t udp_us = 60'000'000;
  int64_t linger_us = 5'000'000;
  int64_t active_timeout_us = 60'000'000;  // 0: no interim records
  uint32_t flows_max = 4'194'304;
  uint32_t fragments_max = 4'096;
  bool early_report = false;
};

inline constexpr int64_t kEarlyReportUs = 100'000;
inline constexpr size_t kWaitingSynsMax = 4096;
inline constexpr uint32_t kHeldMax = 16;

class Engine final : public PacketSink {
 public:
  // Without a `sink` sessions are only counted. ok() is false when memory could not be reserved.
  Engine(const EngineOptions& options, RecordSink* sink);

  bool ok() const { return table_.ok() && wheel_.ok() && fragments_.ok(); }
  void packets(std::span<const RawPacket> batch) noexcept override;
  // The same for packets that came from decode_with_hash() with hash_secrets().
  void decoded(std::span<const DecodedPacket> batch) noexcept;
  // Never changes.
  const HashKey& hash_secrets() const { return table_.hash_secrets(); }
  // Advances engine time without a packet (live).
  void advance(int64_t timestamp_ns);
  // Live, before each read of the source. From the first call on, stamps only say how old a packet
  // is. `engine_us` is engine time now; a stamp of this moment plus `offset_us` equals it.
  void set_live_clock(int64_t engine_us, int64_t offset_us) {
    clocks_.set_live(engine_us, offset_us);
  }
  // When no more packets come for now: decides by the held packets what a stamp far ahead means.
  void decide_held();
  // End of input: ends every session, in order of opening.
  void finish();
  // Sets the inside prefixes. Applies to sessions opened after this call.
  void set_inside(PrefixSet& prefixes) { inside_.swap(prefixes); }
  // Sessions opened after this call belong to the epoch.
  void begin_epoch(uint32_t epoch) { epochs_.begin(epoch, sequence_); }
  // The oldest epoch with an open session, or else the epoch in force.
  uint32_t oldest_epoch() const { return epochs_.oldest(); }

  const EngineCounters& counters() const { return counters_; }
  size_t memory_bytes() const;
  // Reads the whole table. Null, or the invariant that is broken.
  const char* check() const;

 private:
  enum class Event : uint8_t { kInterim, kEarlyReport, kLingerEnd, kIdle };
  struct NextEvent {
    int64_t in_us;  // from `now` of next_event(); <= 0: due
    Event event;
  };
  struct DueEvent {
    int64_t in_us;
    uint64_t sequence;
    uint32_t slot;
    bool later_than(const DueEvent& other) const {
      return in_us != other.in_us ? in_us > other.in_us : sequence > other.sequence;
    }
  };

  // A SYN with its retransmissions. The answer decides which session they belong to.
  struct WaitingSyn {
    DecodedPacket latest;  // with the flags of all of them
    Traffic traffic;
    int64_t first_us;
    int64_t last_us;
    uint32_t slot;
  };

  static constexpr uint32_t kBatch = 32;
  // decode(batch[i], packet) fills each `packet`.
  template <typename Packet, typename Decode>
  void in_steps(std::span<const Packet> batch, Decode decode);
  void process_and_look_up(std::span<const DecodedPacket> current, std::span<DecodedPacket> ahead);
  void process(const DecodedPacket& packet);
  void process_session(const DecodedPacket& packet);
  uint32_t count_in_session(const DecodedPacket& packet);
  void process_first_fragment(const DecodedPacket& packet);
  void process_later_fragment(const DecodedPacket& packet);
  void process_icmp_error(const DecodedPacket& packet);
  void count_other(OtherReason reason, uint32_t bytes);

  bool advance_clock(const DecodedPacket& packet);
  [[gnu::noinline]] void hold(const DecodedPacket& packet);
  void release_held(PacketClocks::Ahead ahead);
  bool denies_silence(uint32_t held);
  void pass_time(int64_t passed_us);
  void set_engine_time(int64_t us);
  void run_timers();
  void skip_quiet_ticks(int64_t target);
  void handle_tick(int64_t tick);
  void handle_due(int64_t tick_us);
  uint64_t now_of(const FlowSlot& slot) const;
  uint64_t now_at_tick(const FlowSlot& slot, int64_t tick_us) const;
  void touch(uint32_t i);

  uint32_t find_live(const DecodedPacket& packet);
  bool quiet_at_hit(const FlowSlot& slot) const;
  bool gone_at_hit(uint32_t i);
  uint32_t open_session(const DecodedPacket& packet);
  void orient(FlowSlot& slot, const DecodedPacket& packet);
  bool inside(const FlowKey& key, bool b) const;
  int direction(const FlowSlot& slot, bool from_b) const { return from_b != slot.initiator_is_b; }
  void count_packet(uint32_t i, const DecodedPacket& packet);
  void count_traffic(FlowSlot& slot, int rx, const Traffic& traffic, uint64_t payload,
                     int64_t first_us, int64_t last_us);
  void follow_sequence(uint32_t i, const DecodedPacket& packet, int rx, uint64_t packets = 1);
  void follow_unusual(uint32_t i, const DecodedPacket& packet, int rx, uint64_t packets);
  void count_repeat(uint32_t i, const DecodedPacket& packet, int rx, uint64_t packets);
  Repeats* repeats_of(uint32_t i);
  void note_syn(uint32_t i, const DecodedPacket& packet, int rx);
  void follow_tcp(uint32_t i, const DecodedPacket& packet, int rx);
  bool reuses(uint32_t i, const DecodedPacket& packet);
  bool must_wait_for_answer(uint32_t i, const DecodedPacket& packet);
  bool wait_for_answer(uint32_t i, const DecodedPacket& packet);
  WaitingSyn take_waiting_syn(uint32_t i);
  void count_waiting_syn(uint32_t i);
  uint32_t answer_waiting_syn(uint32_t i, const DecodedPacket& packet);

  int64_t idle_timeout(const FlowSlot& slot) const { return idle_us_[slot.idle_state]; }
  static void set_idle_state(FlowSlot& slot, IdleState state) {
    slot.idle_state = static_cast<uint64_t>(state);
  }
  NextEvent next_event(const FlowSlot& slot, uint64_t now, bool at_tick) const;
  // True when the flow left the table.
  bool handle_event(uint32_t i, Event event, uint64_t now);
  bool nearly_idle(const FlowSlot& slot, uint64_t now) const;
  void set_next_due(FlowSlot& slot, uint64_t now) const;
  void rearm(uint32_t i);
  void evict_one();
  EndReason end_reason(const FlowSlot& slot, EndReason now) const;
  void end_session(uint32_t i, EndReason reason);
  void tell_end(uint32_t i, EndReason reason);
  void emit(uint32_t i, EndReason reason);
  void fill_record(uint32_t i, EndReason reason, SessionRecord& record);

  const EngineOptions options_;
  const int64_t idle_us_[4];  // by IdleState
  RecordSink* const sink_;
  EngineCounters counters_;
  FlowTable table_;
  TimerWheel wheel_;
  FragmentTable fragments_;
  EvictionQueue eviction_;
  PrefixSet inside_;
  Epochs epochs_;
  std::vector<WaitingSyn> waiting_syns_;  // FlowSlot::waiting_syn is index + 1
  std::vector<DueEvent> due_;
  std::vector<DueEvent> due_again_;
  uint64_t sequence_ = 0;
  PacketClocks clocks_;
  int64_t now_us_ = 0;    // the timer wheel's time
  int64_t now_tick_ = 0;  // the last handled tick
  int64_t next_tick_us_ = 0;
  int64_t packet_us_ = 0;  // the current packet's time; packets without one keep it
  bool has_time_ = false;
  DecodedPacket batches_[2][kBatch];
  uint32_t held_count_ = 0;
  PacketClocks::Ahead ahead_ = PacketClocks::Ahead::kAsk;
  DecodedPacket held_[kHeldMax];  // the first is ahead of its clock
};

}  // namespace tunmeter
