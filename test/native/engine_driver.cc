// The engine without Node, for what JavaScript cannot see: allocations, and memory errors under the
// sanitizers.
//
//   engine_driver allocations   traffic of every shape at a steady state; prints how often operator
//   new was called engine_driver soak SEED     random packets, times and options, check() after
//   every batch
//   engine_driver no-memory     address space that runs out while engines are made, and while one works
//
// Exits 1, saying what is wrong, when a check fails.
#include <sys/resource.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include "engine/engine.h"

static uint64_t allocations = 0;
void* operator new(size_t size) {
  allocations++;
  void* p = std::malloc(size);
  if (p == nullptr) std::abort();
  return p;
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }

using namespace tunmeter;

namespace {

constexpr int64_t kStartNs = 1'700'000'000'000'000'000;
// Of a steady state, and its packets a second.
constexpr uint32_t kHosts = 6'000;

class OneRecord final : public RecordSink {
 public:
  SessionRecord* next_record() noexcept override {
    records++;
    return &record_;
  }
  uint64_t records = 0;
  const SessionRecord& latest() const { return record_; }

 private:
  SessionRecord record_;
};

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint32_t below(uint32_t n) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>((state_ >> 33) % n);
  }

 private:
  uint64_t state_;
};

struct Buffer {
  uint8_t bytes[128];
  RawPacket packet;
};

void finish_packet(Buffer& b, uint32_t bytes, int64_t ns) {
  b.packet = {b.bytes, ns, bytes, bytes, kLinkRaw};
}

// IPv4 with TCP or UDP between two of `hosts` addresses; `fragment` is the IPv4 fragment field.
void make_ipv4(Buffer& b, int64_t ns, bool tcp, uint32_t host, bool reply, uint8_t flags,
               uint32_t sequence, uint16_t fragment) {
  std::memset(b.bytes, 0, sizeof(b.bytes));
  const uint32_t total = tcp ? 40 : 28;
  b.bytes[0] = 0x45;
  b.bytes[3] = static_cast<uint8_t>(total);
  b.bytes[5] = static_cast<uint8_t>(host);
  b.bytes[6] = static_cast<uint8_t>(fragment >> 8);
  b.bytes[7] = static_cast<uint8_t>(fragment);
  b.bytes[9] = tcp ? 6 : 17;
  const uint8_t client[4] = {10, static_cast<uint8_t>(host >> 16), static_cast<uint8_t>(host >> 8),
                             static_cast<uint8_t>(host)};
  const uint8_t server[4] = {192, 0, 2, 1};
  std::memcpy(b.bytes + 12, reply ? server : client, 4);
  std::memcpy(b.bytes + 16, reply ? client : server, 4);
  b.bytes[reply ? 22 : 20] = 0x30;
  b.bytes[reply ? 20 : 22] = 0x01;
  if (tcp) {
    std::memcpy(b.bytes + 24, &sequence, 4);
    b.bytes[32] = 0x50;
    b.bytes[33] = flags;
  }
  finish_packet(b, total, ns);
}

void fail(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  std::exit(1);
}

void check(const Engine& engine) {
  if (const char* fault = engine.check()) fail(fault);
}

// One second of traffic: sessions open, talk, close, are used again; fragments come without a head.
void round_of_traffic(Engine& engine, std::vector<Buffer>& buffers, std::vector<RawPacket>& batch,
                      int round) {
  Random random(static_cast<uint64_t>(round) + 1);
  for (size_t i = 0; i < buffers.size(); i++) {
    const int64_t ns = kStartNs + round * int64_t{1'000'000'000} + static_cast<int64_t>(i) * 1000;
    const uint32_t host = random.below(kHosts);
    const uint32_t what = random.below(10);
    static constexpr uint8_t kFlags[] = {0x02, 0x12, 0x10, 0x18, 0x11, 0x04};
    const uint16_t fragment = what == 9 ? random.below(2) * 0x2000 + random.below(3) : 0;
    make_ipv4(buffers[i], ns, what < 7, host, random.below(2) != 0, kFlags[random.below(6)],
              random.below(4), fragment);
    batch[i] = buffers[i].packet;
  }
  engine.packets(batch);
}

int allocation_test() {
  OneRecord sink;
  EngineOptions options;
  options.flows_max = kHosts * 2 / 5;  // below what comes: eviction is part of it
  options.fragments_max = 150;
  options.early_report = true;
  options.udp_us = 3'000'000;
  options.handshake_us = 2'000'000;
  Engine engine(options, &sink);
  if (!engine.ok()) fail("no memory");
  std::vector<Buffer> buffers(kHosts);
  std::vector<RawPacket> batch(buffers.size());
  constexpr int kWarmUp = 60;
  constexpr int kRounds = 40;
  for (int round = 0; round < kWarmUp; round++) round_of_traffic(engine, buffers, batch, round);
  const uint64_t before = allocations;
  const uint64_t records_before = sink.records;
  const uint64_t evictions_before = engine.counters().evictions;
  for (int round = 0; round < kRounds; round++) {
    round_of_traffic(engine, buffers, batch, kWarmUp + round);
  }
  check(engine);
  std::printf("{\"allocations\":%llu,\"packets\":%llu,\"records\":%llu,\"evictions\":%llu}\n",
              static_cast<unsigned long long>(allocations - before),
              static_cast<unsigned long long>(buffers.size()) * kRounds,
              static_cast<unsigned long long>(sink.records - records_before),
              static_cast<unsigned long long>(engine.counters().evictions - evictions_before));
  return 0;
}

int soak(uint64_t seed) {
  Random random(seed);
  static constexpr uint16_t kLinks[] = {0,   1,   9,   12,  14,  50,  51,  101, 104,
                                        108, 113, 228, 229, 239, 242, 276, 999};
  uint64_t packets = 0;
  for (int engines = 0; engines < 20; engines++) {
    OneRecord sink;
    EngineOptions options;
    options.flows_max = 1 + random.below(200);
    options.fragments_max = 1 + random.below(20);
    options.early_report = random.below(2) != 0;
    options.active_timeout_us = random.below(3) * 500'000;
    options.linger_us = random.below(3) * 250'000;
    options.udp_us = 1 + random.below(2'000'000);
    options.established_us = 1 + random.below(4'000'000);
    Engine engine(options, &sink);
    if (!engine.ok()) fail("no memory");
    int64_t ns = kStartNs;
    for (int batches = 0; batches < 200; batches++) {
      std::vector<Buffer> buffers(1 + random.below(70));
      std::vector<RawPacket> batch;
      for (Buffer& b : buffers) {
        ns += random.below(20) == 0 ? int64_t{random.below(400)} * 1'000'000'000 - 200'000'000'000
                                    : random.below(50'000'000);
        make_ipv4(b, ns, random.below(4) != 0, random.below(300), random.below(2) != 0,
                  static_cast<uint8_t>(random.below(64)), random.below(3),
                  random.below(8) == 0 ? static_cast<uint16_t>(random.below(0x4000)) : 0);
        for (uint32_t mangled = random.below(4); mangled > 2; mangled--) {
          b.bytes[random.below(40)] = static_cast<uint8_t>(random.below(256));
          b.packet.link_type = kLinks[random.below(17)];
        }
        if (random.below(6) == 0) b.packet.captured_bytes = random.below(b.packet.wire_bytes + 1);
        // Exactly as long as it claims, so that the sanitizer sees a read beyond the end.
        auto* exact = static_cast<uint8_t*>(std::malloc(b.packet.captured_bytes + 1));
        std::memcpy(exact + 1, b.bytes, b.packet.captured_bytes);
        b.packet.data = exact + 1;
        batch.push_back(b.packet);
      }
      engine.packets(batch);
      packets += batch.size();
      for (const RawPacket& p : batch) std::free(const_cast<uint8_t*>(p.data) - 1);
      check(engine);
    }
    engine.finish();
    check(engine);
  }
  std::printf("{\"packets\":%llu}\n", static_cast<unsigned long long>(packets));
  return 0;
}

// From now on so much more address space may be taken.
void limit_space(uint64_t more_bytes) {
  unsigned long long pages = 0;
  FILE* size = std::fopen("/proc/self/statm", "r");
  if (size == nullptr || std::fscanf(size, "%llu", &pages) != 1) fail("statm");
  std::fclose(size);
  rlimit limit{};
  getrlimit(RLIMIT_AS, &limit);
  limit.rlim_cur = pages * 4096 + more_bytes;
  if (setrlimit(RLIMIT_AS, &limit) != 0) fail("setrlimit");
}

// An engine for which there is no room says so, wherever in its making the room ends; one that finds no
// room to grow has a full table.
int no_memory_test() {
  OneRecord sink;
  EngineOptions options;
  options.flows_max = 100'000;
  uint32_t refused = 0;
  for (bool ok = false; !ok; refused += !ok) {
    limit_space((refused + 1) * uint64_t{256 << 10});
    ok = Engine(options, &sink).ok();
  }
  limit_space(uint64_t{1} << 40);
  Engine engine(options, &sink);
  limit_space(0);
  Buffer buffer;
  constexpr uint32_t kFlows = 20'000;
  for (uint32_t host = 0; host < kFlows; host++) {
    make_ipv4(buffer, kStartNs, false, host, false, 0, 0, 0);
    engine.packets({&buffer.packet, 1});
  }
  check(engine);
  const auto evictions = static_cast<unsigned long long>(engine.counters().evictions);
  const auto open = static_cast<unsigned long long>(engine.counters().open_sessions);
  engine.finish();
  check(engine);
  std::printf("{\"refused\":%u,\"evicted\":%llu,\"open\":%llu,\"records\":%llu}\n", refused, evictions,
              open, static_cast<unsigned long long>(sink.records));
  return 0;
}

// A wall clock that is set by hours beside a monotonic one.
int live_clock_test() {
  OneRecord sink;
  EngineOptions options;
  options.active_timeout_us = 0;
  Engine engine(options, &sink);
  if (!engine.ok()) fail("no memory");
  constexpr int64_t kSecond = 1'000'000;
  constexpr int64_t kStartUs = kStartNs / 1000;
  constexpr int64_t kHour = 3600 * kSecond;
  const auto send = [&](int64_t at_us, int64_t wall_ahead_us, bool tcp, bool reply, uint8_t flags) {
    engine.set_live_clock(kStartUs + at_us, -wall_ahead_us);
    Buffer buffer;
    make_ipv4(buffer, (kStartUs + at_us + wall_ahead_us) * 1000, tcp, tcp ? 1 : 2, reply, flags, 7,
              0);
    engine.packets({&buffer.packet, 1});
    check(engine);
  };
  const auto open_after = [&](int64_t at_us, int64_t wall_ahead_us) {
    engine.set_live_clock(kStartUs + at_us, -wall_ahead_us);
    engine.advance((kStartUs + at_us) * 1000);
    return static_cast<unsigned long long>(engine.counters().open_sessions);
  };
  send(0, 0, true, false, 0x02);
  send(0, 0, true, true, 0x12);
  send(0, 0, true, false, 0x10);
  send(1 * kSecond, 3 * kHour, true, false, 0x10);
  send(1 * kSecond, -3 * kHour, true, true, 0x10);
  send(2 * kSecond, -3 * kHour, false, false, 0);
  const auto after_59 = open_after(61 * kSecond, 5 * kHour);
  const auto after_61 = open_after(63 * kSecond, -5 * kHour);
  engine.finish();
  const int64_t span_us = sink.latest().last_us - sink.latest().first_us;
  std::printf("{\"opened\":%llu,\"spanSeconds\":%lld,\"openAfter59\":%llu,\"openAfter61\":%llu}\n",
              static_cast<unsigned long long>(engine.counters().sessions_opened - 1),
              static_cast<long long>(span_us / kSecond), after_59, after_61);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "allocations") == 0) return allocation_test();
  if (argc == 3 && std::strcmp(argv[1], "soak") == 0)
    return soak(std::strtoull(argv[2], nullptr, 10));
  if (argc == 2 && std::strcmp(argv[1], "live-clock") == 0) return live_clock_test();
  if (argc == 2 && std::strcmp(argv[1], "no-memory") == 0) return no_memory_test();
  fail("usage: engine_driver allocations | live-clock | no-memory | soak SEED");
}
