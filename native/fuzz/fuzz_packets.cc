// Target for the packet path: decoding, fragments, flow table, timers, records.
//
//   byte 0          1           2
//        | options  | link type | packet | packet | ...
//
//   packet   | step | flags | captured u16 LE | data ... |
//
//   options  1: at most eight flows        2: at most three datagrams
//            4: early reports              8: no interim records
//            16: 10.0.0.0/8 and fc00::/7 are inside
//   step     mantissa (5 bits) << 4 * exponent (3 bits) microseconds: up to 2.3 h, more than
//            every timeout
//   flags    1: back instead of forward    2: no time
//            4: an Ethernet packet, whatever byte 1 says
//            8: the clock advances alone first
//            16, 32: 1,000 or 70,000 octets more on the wire    64: half as many on the wire
//
// Two engines get the packets: one all in one batch, the other one by one. Both must give the same
// records and counters. At the end of the packets and after finish() the table's own invariants and
// "sessions + other + pending = all" must hold. The sum of the last record of each session must
// equal the counters of sessions.
#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "engine/engine.h"
#include "fuzz_target.h"

namespace tunmeter::fuzz {

namespace {

constexpr uint16_t kLinkTypes[] = {kLinkRaw,
                                   kLinkEthernet,
                                   kLinkNull,
                                   kLinkPpp,
                                   kLinkRawDlt12,
                                   kLinkCiscoHdlc,
                                   kLinkLoop,
                                   kLinkLinuxSll,
                                   kLinkIpv4,
                                   kLinkIpv6,
                                   kLinkNflog,
                                   kLinkLinuxSll2,
                                   50 /* PPP in HDLC */,
                                   51 /* PPPoE */,
                                   14 /* RAW elsewhere */,
                                   105 /* unknown */,
                                   242 /* IP over InfiniBand */};
constexpr size_t kPacketHeaderBytes = 4;
constexpr int64_t kStartNs = 1'700'000'000'000'000'000;
constexpr size_t kPacketsMax = 4096;

struct Step {
  RawPacket packet;
  bool advance_first;
};

// Keeps every record.
class Records final : public RecordSink {
 public:
  SessionRecord* next_record() noexcept override { return &records_.emplace_back(); }

  const std::vector<SessionRecord>& all() const { return records_; }

 private:
  std::vector<SessionRecord> records_;
};

EngineOptions options_of(uint8_t bits) {
  EngineOptions options;
  options.flows_max = (bits & 1) != 0 ? 8 : 65'536;
  options.fragments_max = (bits & 2) != 0 ? 3 : 4'096;
  options.early_report = (bits & 4) != 0;
  if ((bits & 8) != 0) options.active_timeout_us = 0;
  return options;
}

// The packets of an input; their data points into it.
std::vector<Step> steps_of(const uint8_t* data, size_t size) {
  std::vector<Step> steps;
  const uint16_t link_type = kLinkTypes[data[1] % std::size(kLinkTypes)];
  int64_t now_ns = kStartNs;
  size_t at = 2;
  while (size - at >= kPacketHeaderBytes && steps.size() < kPacketsMax) {
    const uint8_t* const head = data + at;
    const uint8_t flags = head[1];
    at += kPacketHeaderBytes;
    const uint32_t captured = std::min<uint32_t>(head[2] | head[3] << 8, size - at);
    const int64_t step_ns = (int64_t{head[0] & 31} << (4 * (head[0] >> 5))) * 1000;
    now_ns += (flags & 1) != 0 ? -step_ns : step_ns;
    uint32_t wire = captured;
    if ((flags & 16) != 0) wire += 1'000;
    if ((flags & 32) != 0) wire += 70'000;
    if ((flags & 64) != 0) wire /= 2;
    const uint16_t type = (flags & 4) != 0 ? uint16_t{kLinkEthernet} : link_type;
    steps.push_back({{data + at, (flags & 2) != 0 ? kNoTimestamp : now_ns, captured, wire, type},
                     (flags & 8) != 0});
    at += captured;
  }
  return steps;
}

void require_sound(const Engine& engine) {
  const char* const broken = engine.check();
  FUZZ_REQUIRE(broken == nullptr, broken == nullptr ? "" : broken);
  const EngineCounters& c = engine.counters();
  Traffic sum = c.sessions;
  sum += c.pending;
  for (const Traffic& other : c.other) sum += other;
  FUZZ_REQUIRE(sum.packets == c.all.packets, "sessions + other + pending = all, in packets");
  FUZZ_REQUIRE(sum.bytes == c.all.bytes, "sessions + other + pending = all, in bytes");
}

void require_finished(const Engine& engine, const Records& records, size_t packet_count) {
  const EngineCounters& c = engine.counters();
  FUZZ_REQUIRE(c.all.packets == packet_count, "every packet is counted");
  FUZZ_REQUIRE(c.open_sessions == 0 && c.pending.packets == 0 && c.pending.bytes == 0, "the end");
  FUZZ_REQUIRE(c.ended[1] + c.ended[3] + c.ended[4] + c.ended[5] == c.sessions_opened,
               "every session ends once");
  FUZZ_REQUIRE(c.records_made == records.all().size() && c.records_dropped == 0, "records");
  std::map<uint64_t, const SessionRecord*> last;
  for (const SessionRecord& record : records.all()) {
    FUZZ_REQUIRE(record.first_us <= record.last_us, "a session does not end before it starts");
    FUZZ_REQUIRE(record.protocol == 6 || record.protocol == 17, "a protocol");
    FUZZ_REQUIRE(record.payload_tx <= record.bytes_tx && record.payload_rx <= record.bytes_rx,
                 "payload is part of the bytes");
    const SessionRecord*& known = last[record.sequence];
    FUZZ_REQUIRE(known == nullptr || (known->packets_tx <= record.packets_tx &&
                                      known->packets_rx <= record.packets_rx),
                 "counters of a session only grow");
    known = &record;
  }
  Traffic sum;
  for (const auto& [sequence, record] : last) {
    sum.packets += record->packets_tx + record->packets_rx;
    sum.bytes += record->bytes_tx + record->bytes_rx;
  }
  FUZZ_REQUIRE(last.size() == c.sessions_opened, "every session is reported");
  FUZZ_REQUIRE(sum.packets == c.sessions.packets, "records hold the sessions' packets");
  FUZZ_REQUIRE(sum.bytes == c.sessions.bytes, "records hold the sessions' bytes");
}

void set_inside(Engine& engine) {
  uint8_t packed[2][PrefixSet::kPackedBytes] = {{4, 8, 10}, {6, 7, 0xfc}};
  PrefixSet prefixes;
  prefixes.assign(packed[0], 2);
  engine.set_inside(prefixes);
}

// Gives a new engine the steps, up to `batch_max` packets at a time.
std::unique_ptr<Engine> meter(uint8_t bits, const std::vector<Step>& steps, size_t batch_max,
                              Records& records) {
  auto engine = std::make_unique<Engine>(options_of(bits), &records);
  FUZZ_REQUIRE(engine->ok(), "memory");
  if ((bits & 16) != 0) set_inside(*engine);
  std::vector<RawPacket> batch;
  const auto flush = [&] {
    if (!batch.empty()) engine->packets(batch);
    batch.clear();
  };
  for (const Step& step : steps) {
    if (step.advance_first && step.packet.timestamp_ns != kNoTimestamp) {
      flush();
      engine->advance(step.packet.timestamp_ns);
    }
    batch.push_back(step.packet);
    if (batch.size() == batch_max) flush();
  }
  flush();
  require_sound(*engine);
  engine->finish();
  require_sound(*engine);
  require_finished(*engine, records, steps.size());
  return engine;
}

}  // namespace

void run_packets(const uint8_t* data, size_t size) {
  if (size < 2) return;
  std::vector<Step> steps = steps_of(data, size);
  // Each packet has an allocation of its own, so that AddressSanitizer detects reads beyond its
  // captured bytes.
  std::vector<std::unique_ptr<uint8_t[]>> copies;
  for (Step& step : steps) {
    copies.push_back(std::make_unique<uint8_t[]>(step.packet.captured_bytes));
    memcpy(copies.back().get(), step.packet.data, step.packet.captured_bytes);
    step.packet.data = copies.back().get();
  }
  Records whole_records;
  Records single_records;
  const auto whole = meter(data[0], steps, SIZE_MAX, whole_records);
  const auto single = meter(data[0], steps, 1, single_records);
  const auto same = [](const SessionRecord& a, const SessionRecord& b) {
    return memcmp(&a, &b, sizeof a) == 0;
  };
  FUZZ_REQUIRE(std::ranges::equal(whole_records.all(), single_records.all(), same),
               "batches change no record");
  double of_whole[kCounterValues];
  double of_single[kCounterValues];
  engine_counter_values(whole->counters(), of_whole);
  engine_counter_values(single->counters(), of_single);
  FUZZ_REQUIRE(std::equal(of_whole, of_whole + kCounterValues, of_single),
               "batches change no counter");
}

}  // namespace tunmeter::fuzz
