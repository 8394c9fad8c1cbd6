// Targets for the file readers: pcap, pcapng, gzip.
//
// An input is a file. The real source reads it twice: once whole, and once in pieces whose sizes
// depend on the input, through a window so small that most records cross its border. Both readings
// must deliver the same packets and end in the same way at the same place, and all packet bytes
// must be readable.
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "fuzz_target.h"
#include "source/source_format.h"
#include "source/source_stream.h"

namespace tunmeter::fuzz {

namespace {

// Longer than the usual input. The window of 256 KiB would cost the fuzzer most of its time to
// clear.
constexpr size_t kWholeWindowBytes = 16u << 10;
constexpr size_t kSmallWindowBytes = 64;

// The stream's pieces: all bytes that are asked for, or 1 to 97 of them, with pauses.
enum class Pieces : uint8_t { kWhole, kSmall };

class MemoryStream final : public ByteStream {
 public:
  MemoryStream(const uint8_t* data, size_t size, Pieces pieces)
      : data_(data, data + size), pieces_(pieces), random_(static_cast<uint32_t>(size)) {}

  StreamStatus read(uint8_t* into, size_t capacity, size_t* count) noexcept override {
    FUZZ_REQUIRE(capacity > 0, "a window asks for bytes that it has no room for");
    *count = 0;
    if (at_ == data_.size()) return StreamStatus::kEnd;
    size_t piece = std::min(capacity, data_.size() - at_);
    if (pieces_ == Pieces::kSmall) {
      random_ = random_ * 1'664'525 + 1'013'904'223 + data_[at_];
      const uint32_t draw = random_ >> 16;
      if (draw % 8 == 0) return StreamStatus::kWait;
      piece = std::min<size_t>(piece, 1 + draw % 97);
    }
    memcpy(into, data_.data() + at_, piece);
    at_ += piece;
    *count = piece;
    return StreamStatus::kBytes;
  }

  uint64_t stored_bytes_read() const noexcept override { return at_; }
  uint64_t stored_bytes_total() const noexcept override { return data_.size(); }
  const SourceError& error() const noexcept override { return error_; }

 private:
  const std::vector<uint8_t> data_;
  const Pieces pieces_;
  uint32_t random_;
  size_t at_ = 0;
  SourceError error_;
};

// Reads every byte of every packet and keeps a checksum of packets and facts.
class Summary final : public PacketSink {
 public:
  void packets(std::span<const RawPacket> batch) noexcept override {
    FUZZ_REQUIRE(!batch.empty(), "an empty batch");
    for (const RawPacket& packet : batch) {
      FUZZ_REQUIRE(packet.captured_bytes <= kPacketBytesMax, "a packet above the bound");
      const uint64_t facts[] = {static_cast<uint64_t>(packet.timestamp_ns), packet.captured_bytes,
                                packet.wire_bytes, packet.link_type};
      sum_ = crc32(sum_, reinterpret_cast<const uint8_t*>(facts), sizeof facts);
      sum_ = crc32(sum_, packet.data, packet.captured_bytes);
    }
    count_ += batch.size();
  }
  uint64_t count() const { return count_; }
  unsigned long sum() const { return sum_; }

 private:
  uint64_t count_ = 0;
  unsigned long sum_ = 0;
};

struct Outcome {
  SourceStatus status;
  std::string code;
  uint64_t byte_offset;
  uint64_t packets;
  unsigned long sum;
  bool operator==(const Outcome&) const = default;
};

Outcome read_capture(const uint8_t* data, size_t size, Pieces pieces) {
  const size_t window = pieces == Pieces::kWhole ? kWholeWindowBytes : kSmallWindowBytes;
  const auto source =
      open_stream_source(std::make_unique<MemoryStream>(data, size, pieces), "input", window);
  Summary summary;
  SourceStatus status = SourceStatus::kOk;
  while (can_go_on(status)) status = source->read(summary);
  const SourceError& error = source->error();
  FUZZ_REQUIRE(source->read(summary) == status, "a source that has ended goes on");
  FUZZ_REQUIRE((status == SourceStatus::kEnd) == error.code.empty(), error.code.c_str());
  FUZZ_REQUIRE(status == SourceStatus::kEnd || !error.message.empty(), "an error without words");
  FUZZ_REQUIRE(source->stats().bytes_read <= size, "more read than there is");
  return {status, error.code, error.byte_offset, summary.count(), summary.sum()};
}

void read_both_ways(const uint8_t* data, size_t size) {
  const Outcome whole = read_capture(data, size, Pieces::kWhole);
  const Outcome small = read_capture(data, size, Pieces::kSmall);
  FUZZ_REQUIRE(whole == small, "the pieces in which a file comes change what is in it");
}

std::vector<uint8_t> with_magic(const uint8_t* magic, const uint8_t* data, size_t size) {
  std::vector<uint8_t> file(data, data + size);
  if (size >= kMagicBytes) memcpy(file.data(), magic, kMagicBytes);
  return file;
}

// One gzip member holding `data`.
void append_member(std::vector<uint8_t>& file, const uint8_t* data, size_t size) {
  z_stream zlib{};
  FUZZ_REQUIRE(deflateInit2(&zlib, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK, "zlib");
  std::vector<uint8_t> member(deflateBound(&zlib, size));
  zlib.next_in = const_cast<uint8_t*>(data);
  zlib.avail_in = static_cast<uInt>(size);
  zlib.next_out = member.data();
  zlib.avail_out = static_cast<uInt>(member.size());
  FUZZ_REQUIRE(deflate(&zlib, Z_FINISH) == Z_STREAM_END, "zlib");
  file.insert(file.end(), member.begin(), member.end() - zlib.avail_out);
  deflateEnd(&zlib);
}

}  // namespace

// An input without pcap's magic gets one, because other targets cover other formats.
void run_pcap(const uint8_t* data, size_t size) {
  if (size >= kMagicBytes && is_pcap(data)) return read_both_ways(data, size);
  static constexpr uint8_t kMagic[] = {0xd4, 0xc3, 0xb2, 0xa1};
  const std::vector<uint8_t> file = with_magic(kMagic, data, size);
  read_both_ways(file.data(), file.size());
}

void run_pcapng(const uint8_t* data, size_t size) {
  static constexpr uint8_t kMagic[] = {0x0a, 0x0d, 0x0d, 0x0a};
  const std::vector<uint8_t> file = with_magic(kMagic, data, size);
  read_both_ways(file.data(), file.size());
}

// Odd first byte: the rest is a gzip file, damaged or not. Even: the rest is a capture, which is
// packed here in two members and must read as the plain one does.
void run_gzip(const uint8_t* data, size_t size) {
  if (size == 0) return;
  const uint8_t mode = data[0];
  ++data;
  --size;
  if (mode % 2 == 1) return read_both_ways(data, size);

  const size_t cut = size * (mode / 2) / 128;
  std::vector<uint8_t> file;
  append_member(file, data, cut);
  append_member(file, data + cut, size - cut);
  file.resize(file.size() + mode % 16);
  read_both_ways(file.data(), file.size());
  const Outcome plain = read_capture(data, size, Pieces::kWhole);
  const Outcome packed = read_capture(file.data(), file.size(), Pieces::kSmall);
  // A gzip file that is packed again is refused.
  if (size >= 2 && data[0] == 0x1f && data[1] == 0x8b) return;
  FUZZ_REQUIRE(plain == packed, "packing a capture changes what is in it");
}

}  // namespace tunmeter::fuzz
