// Prints what a source delivers, for tests that compare it with other readers.
//
//   source_dump FILE [--counts]
//   source_dump --live INTERFACE [SNAPLEN [FILTER]]     until its standard input ends
//
// A line a packet: timestamp_ns ("-" = none) link_type captured_bytes wire_bytes FNV-1a of the data
// (--counts leaves them out). At the end "status CODE byte_offset packets message", and live "stats
// received dropped reopened". Live also says "ready", "gone CODE message" and "reopened" when that
// happens.
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <thread>
#include <utility>

#include "source.h"

namespace {

using tunmeter::PacketSource;
using tunmeter::SourceStatus;

class Dump final : public tunmeter::PacketSink {
 public:
  explicit Dump(bool lines) : lines_(lines) {}

  void packets(std::span<const tunmeter::RawPacket> batch) noexcept override {
    for (const tunmeter::RawPacket& packet : batch) {
      ++count_;
      if (lines_) print(packet);
    }
  }
  uint64_t count() const { return count_; }

 private:
  static void print(const tunmeter::RawPacket& packet) {
    uint64_t hash = 0xcbf2'9ce4'8422'2325;
    for (uint32_t i = 0; i < packet.captured_bytes; ++i) {
      hash = (hash ^ packet.data[i]) * 0x100'0000'01b3;
    }
    if (packet.timestamp_ns == tunmeter::kNoTimestamp) {
      printf("-");
    } else {
      printf("%" PRId64, packet.timestamp_ns);
    }
    printf(" %u %u %u %016" PRIx64 "\n", packet.link_type, packet.captured_bytes, packet.wire_bytes,
           hash);
  }

  bool lines_;
  uint64_t count_ = 0;
};

void report(SourceStatus status, const PacketSource& source, const Dump& dump) {
  const tunmeter::SourceError& error = source.error();
  printf("%d %s %" PRIu64 " %" PRIu64 " %s\n", static_cast<int>(status),
         error.code.empty() ? "OK" : error.code.c_str(), error.byte_offset, dump.count(),
         error.message.c_str());
}

int dump_file(const char* path, bool lines) {
  Dump dump(lines);
  const auto source = tunmeter::open_file_source(path);
  auto status = SourceStatus::kOk;
  while (status == SourceStatus::kOk) status = source->read(dump);
  report(status, *source, dump);
  return 0;
}

int dump_live(const tunmeter::LiveOptions& options) {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  Dump dump(true);
  const auto source = tunmeter::open_live_source(options);
  std::atomic<bool> stop{false};
  std::thread stopper([&] {
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    stop = true;
    source->interrupt();
  });
  bool ready = false;
  auto status = SourceStatus::kOk;
  while (!stop && status != SourceStatus::kFailed) {
    status = source->read(dump);
    if (status == SourceStatus::kOk && !std::exchange(ready, true)) printf("ready\n");
    if (status != SourceStatus::kGone) continue;
    printf("gone %s %s\n", source->error().code.c_str(), source->error().message.c_str());
    while (!stop && !source->reopen()) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (!stop) printf("reopened\n");
  }
  report(status, *source, dump);
  const tunmeter::SourceStats stats = source->stats();
  printf("stats %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", stats.kernel_received, stats.kernel_dropped,
         stats.reopened);
  // After a failure nobody has closed standard input, and the thread still waits for that.
  fflush(stdout);
  if (!stop) _exit(0);
  stopper.join();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  if (strcmp(argv[1], "--live") != 0) {
    return dump_file(argv[1], argc < 3 || strcmp(argv[2], "--counts") != 0);
  }
  if (argc < 3) return 2;
  tunmeter::LiveOptions options;
  options.interface = argv[2];
  if (argc > 3) options.snaplen = static_cast<uint32_t>(strtoul(argv[3], nullptr, 10));
  if (argc > 4) options.filter = argv[4];
  return dump_live(options);
}
