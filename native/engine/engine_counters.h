// What the engine counts. Handed to JavaScript in the order of engine_counter_values(); read by
// readCounters() in src/meter/capture/counters.ts.
#pragma once

#include <cstdint>

#include "decode/decoded_packet.h"

namespace tunmeter {

struct Traffic {
  uint64_t packets = 0;
  uint64_t bytes = 0;
  void add(uint64_t more_bytes) {
    packets++;
    bytes += more_bytes;
  }
  void operator+=(const Traffic& t) {
    packets += t.packets;
    bytes += t.bytes;
  }
  void operator-=(const Traffic& t) {
    packets -= t.packets;
    bytes -= t.bytes;
  }
};

// Always, in packets and bytes: sessions + other + pending = all.
struct EngineCounters {
  Traffic all;
  Traffic sessions;
  Traffic pending;
  uint64_t pending_datagrams = 0;
  uint64_t sessions_opened = 0;
  uint64_t open_sessions = 0;
  uint64_t open_sessions_max = 0;
  uint64_t evictions = 0;
  uint64_t fragment_evictions = 0;
  uint64_t waiting_syns_full = 0;  // could not wait: counted into the session that was there
  uint64_t records_made = 0;
  uint64_t records_dropped = 0;
  uint64_t has_time = 0;
  int64_t engine_time_us = 0;
  uint64_t ended[6] = {};  // by EndReason; [2] counts interim records
  Traffic other[kOtherReasonCount];
};

inline constexpr int kCounterValues = 17 + 5 + 2 * kOtherReasonCount;

// Writes kCounterValues numbers and returns the end.
inline double* engine_counter_values(const EngineCounters& c, double* out) {
  const auto put = [&out](auto value) { *out++ = static_cast<double>(value); };
  const auto put_traffic = [&put](const Traffic& t) {
    put(t.packets);
    put(t.bytes);
  };
  put_traffic(c.all);
  put_traffic(c.sessions);
  put_traffic(c.pending);
  put(c.pending_datagrams);
  put(c.sessions_opened);
  put(c.open_sessions);
  put(c.open_sessions_max);
  put(c.evictions);
  put(c.fragment_evictions);
  put(c.waiting_syns_full);
  put(c.records_made);
  put(c.records_dropped);
  put(c.has_time);
  put(c.engine_time_us);
  for (int reason = 1; reason <= 5; reason++) put(c.ended[reason]);
  for (const Traffic& t : c.other) put_traffic(t);
  return out;
}

}  // namespace tunmeter
