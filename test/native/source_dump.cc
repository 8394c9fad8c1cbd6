// Prints what a file source delivers, for tests that compare it with other readers.
//
//   source_dump FILE [--counts]
//
// A line a packet: timestamp_ns ("-" = none) link_type captured_bytes wire_bytes FNV-1a of the
// data; then a line "status CODE byte_offset packets message". --counts leaves the packets out.
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "source.h"

namespace {

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

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  Dump dump(argc < 3 || strcmp(argv[2], "--counts") != 0);
  const auto source = tunmeter::open_file_source(argv[1]);
  auto status = tunmeter::SourceStatus::kOk;
  while (status == tunmeter::SourceStatus::kOk) status = source->read(dump);
  const tunmeter::SourceError& error = source->error();
  printf("%d %s %" PRIu64 " %" PRIu64 " %s\n", static_cast<int>(status),
         error.code.empty() ? "OK" : error.code.c_str(), error.byte_offset, dump.count(),
         error.message.c_str());
  return 0;
}
