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
#include <zlib.h>

#include <atomic>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <thread>
#include <utility>

#include "source/source.h"

namespace {

using tunmeter::PacketSource;
using tunmeter::SourceStatus;

class Dump final : public tunmeter::PacketSink {
 public:
  void packets(std::span<const tunmeter::RawPacket> batch) noexcept override {
    for (const tunmeter::RawPacket& packet : batch) print(packet);
    count_ += batch.size();
  }
  uint64_t count() const { return count_; }

 private:
  static void print(const tunmeter::RawPacket& packet) {
    if (packet.timestamp_ns == tunmeter::kNoTimestamp) {
      printf("-");
    } else {
      printf("%" PRId64, packet.timestamp_ns);
    }
    printf(" %u %u %u %08lx\n", packet.link_type, packet.captured_bytes, packet.wire_bytes,
           crc32(0, packet.data, packet.captured_bytes));
  }

  uint64_t count_ = 0;
};

void report(SourceStatus status, const PacketSource& source, const Dump& dump) {
  const tunmeter::SourceError& error = source.error();
  printf("= %d %s %" PRIu64 " %" PRIu64 " %s\n", static_cast<int>(status),
         error.code.empty() ? "OK" : error.code.c_str(), error.byte_offset, dump.count(),
         error.message.c_str());
}

void dump_file(const char* path, bool step) {
  Dump dump;
  const auto source = tunmeter::open_file_source(path);
  auto status = SourceStatus::kOk;
  char byte;
  while (can_go_on(status)) {
    step = step && read(STDIN_FILENO, &byte, 1) == 1;
    status = source->read(dump);
    if (step) printf("read\n");
  }
  report(status, *source, dump);
}

int dump_live(const tunmeter::LiveOptions& options) {
  Dump dump;
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
  do {
    status = source->read(dump);
    if (status == SourceStatus::kOk && !std::exchange(ready, true)) printf("ready\n");
    if (status != SourceStatus::kGone) continue;
    printf("gone %s %s\n", source->error().code.c_str(), source->error().message.c_str());
    while (!stop && !source->reopen()) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (!stop) printf("reopened\n");
  } while (!stop && status != SourceStatus::kFailed);
  // As packet.h says: once more after interrupt(), for what the kernel has handed up by then.
  if (status == SourceStatus::kOk) source->read(dump);
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
  const bool live = strcmp(argv[1], "--live") == 0;
  const bool step = strcmp(argv[1], "--step") == 0;
  if (live || step) setvbuf(stdout, nullptr, _IOLBF, 0);
  if (live && argc > 2) {
    tunmeter::LiveOptions options;
    options.interface = argv[2];
    if (argc > 3) options.snaplen = static_cast<uint32_t>(strtoul(argv[3], nullptr, 10));
    if (argc > 4) options.filter = argv[4];
    return dump_live(options);
  }
  for (int i = step ? 2 : 1; i < argc; ++i) dump_file(argv[i], step);
  return 0;
}
