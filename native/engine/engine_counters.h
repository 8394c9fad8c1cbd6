// The engine's counters. JavaScript gets them in the order of each_counter(). readCounters() in
// src/meter/capture/counters.ts has the same names.
#pragma once

#include <cstdint>
#include <string_view>

#include "decode/decoded_packet.h"
#include "engine/session_record.h"

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
  uint64_t waiting_syns_full = 0;  // SYNs that could not wait, counted into the existing session
  uint64_t repeats_full = 0;       // segments out of order without room for their numbers
  uint64_t records_made = 0;
  uint64_t records_dropped = 0;
  uint64_t has_time = 0;
  int64_t engine_time_us = 0;
  uint64_t ended[6] = {};  // by EndReason; [2] counts interim records
  Traffic other[kOtherReasonCount];
};

inline constexpr int kCounterValues = 18 + 5 + 2 * kOtherReasonCount;

// Calls visit(group, name, value) for each number, in JavaScript's order. `group` is empty for a
// number that belongs to no group.
template <typename Visit>
void each_counter(const EngineCounters& c, Visit visit) {
  const auto traffic = [&visit](std::string_view group, const Traffic& t) {
    visit(group, "packets", t.packets);
    visit(group, "bytes", t.bytes);
  };
  traffic("", c.all);
  traffic("sessions", c.sessions);
  traffic("pending", c.pending);
  visit("pending", "datagrams", c.pending_datagrams);
  visit("", "sessionsOpened", c.sessions_opened);
  visit("", "openSessions", c.open_sessions);
  visit("", "openSessionsMax", c.open_sessions_max);
  visit("", "evictions", c.evictions);
  visit("", "fragmentEvictions", c.fragment_evictions);
  visit("", "waitingSynsFull", c.waiting_syns_full);
  visit("", "repeatsFull", c.repeats_full);
  visit("", "recordsMade", c.records_made);
  visit("", "recordsDropped", c.records_dropped);
  visit("", "hasTime", c.has_time);
  visit("", "engineTimeUs", c.engine_time_us);
  for (int reason = 1; reason <= 5; reason++) {
    visit("ended", kEndReasonNames[reason], c.ended[reason]);
  }
  for (int i = 0; i < kOtherReasonCount; i++) traffic(kOtherReasonNames[i], c.other[i]);
}

// Writes kCounterValues numbers and returns the end.
inline double* engine_counter_values(const EngineCounters& c, double* out) {
  each_counter(c, [&out](std::string_view, std::string_view, auto value) {
    *out++ = static_cast<double>(value);
  });
  return out;
}

}  // namespace tunmeter
