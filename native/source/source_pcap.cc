// Classic pcap (draft-ietf-opsawg-pcap), every variant that libpcap reads.
//
//   byte 0        4              8          16        20          24
//        | magic  | major, minor | 0, 0     | snaplen | link type |              file header
//
//   byte 0         4          8                 12         16     (24)
//        | seconds | fraction | captured bytes  | wire bytes | (8) | data ...     record
//
//   magic        fraction       record header
//   a1b2c3d4     microseconds   16
//   a1b23c4d     nanoseconds    16
//   a1b2cd34     microseconds   24: interface index, protocol, packet type (Kuznetzov's patch)
//
// Every field has the byte order of the magic. Before version 2.3 the two lengths are swapped. In
// version 2.3 only some writers swapped them, so the larger one is the length on the wire (as in
// libpcap).
#include <algorithm>
#include <utility>

#include "source/source_format.h"

namespace tunmeter {

namespace {

constexpr size_t kFileHeaderBytes = 24;
constexpr int64_t kFractionNsMax = 999'999'999;
constexpr uint32_t kMagicMicro = 0xa1b2'c3d4;
constexpr uint32_t kMagicNano = 0xa1b2'3c4d;
constexpr uint32_t kMagicKuznetzov = 0xa1b2'cd34;

// True for a known magic in the machine's byte order.
bool known_magic(uint32_t magic) {
  return magic == kMagicMicro || magic == kMagicNano || magic == kMagicKuznetzov;
}

enum class LengthOrder : uint8_t { kCapturedFirst, kWireFirst, kSmallerIsCaptured };

class PcapParser final : public CaptureParser {
 public:
  ParseStatus parse(Window& window, PacketBatch& batch) noexcept override {
    if (!header_read_) {
      if (window.size() < kFileHeaderBytes) return need(kFileHeaderBytes);
      if (!read_header(window.data())) return ParseStatus::kDamaged;
      window.consume(kFileHeaderBytes);
      header_read_ = true;
    }
    return swapped_ ? parse_records<true>(window, batch) : parse_records<false>(window, batch);
  }

  bool at_boundary(const Window& window) const override {
    return header_read_ && window.size() == 0;
  }

 private:
  bool read_header(const uint8_t* at) {
    swapped_ = !known_magic(load_u32<false>(at));
    const uint32_t magic = u32(at);
    const uint16_t major = u16(at + 4);
    const uint16_t minor = u16(at + 6);
    if (!((major == 2 && minor <= 4) || (major == 543 && minor == 0))) {
      damaged("its pcap version is " + std::to_string(major) + "." + std::to_string(minor) +
              ", but only 2.0 to 2.4 are known");
      return false;
    }
    if (major == 543 || minor < 3) {
      length_order_ = LengthOrder::kWireFirst;
    } else if (minor == 3) {
      length_order_ = LengthOrder::kSmallerIsCaptured;
    }
    fraction_ns_ = magic == kMagicNano ? 1 : 1000;
    record_header_bytes_ = magic == kMagicKuznetzov ? 24 : 16;
    link_type_ = link_type_of_field(u32(at + 20));
    return true;
  }

  uint32_t u32(const uint8_t* at) const {
    return swapped_ ? load_u32<true>(at) : load_u32<false>(at);
  }
  uint16_t u16(const uint8_t* at) const {
    return swapped_ ? load_u16<true>(at) : load_u16<false>(at);
  }

  // Every packet of a file passes this loop (`npm run bench`).
  template <bool kSwapped>
  ParseStatus parse_records(Window& window, PacketBatch& batch) {
    const uint8_t* const begin = window.data();
    const uint8_t* const end = begin + window.size();
    const uint8_t* at = begin;
    const size_t header_bytes = record_header_bytes_;
    size_t missing = header_bytes;
    uint32_t captured = 0;
    while (static_cast<size_t>(end - at) >= header_bytes) {
      captured = load_u32<kSwapped>(at + 8);
      uint32_t wire = load_u32<kSwapped>(at + 12);
      if (length_order_ != LengthOrder::kCapturedFirst) [[unlikely]] {
        if (length_order_ == LengthOrder::kWireFirst || captured > wire) std::swap(captured, wire);
      }
      missing = header_bytes + captured;
      if (captured > kPacketBytesMax || static_cast<size_t>(end - at) < missing) break;
      // A fraction of one second or more is invalid. Added to the seconds, it could shift the time
      // by more than an hour, so it is capped.
      const int64_t fraction_ns =
          std::min(load_u32<kSwapped>(at + 4) * int64_t{fraction_ns_}, kFractionNsMax);
      const int64_t timestamp_ns = load_u32<kSwapped>(at) * int64_t{1'000'000'000} + fraction_ns;
      batch.add({at + header_bytes, timestamp_ns, captured, wire, link_type_});
      at += missing;
      missing = header_bytes;
      captured = 0;
    }
    batch.flush();
    window.consume(static_cast<size_t>(at - begin));
    if (captured > kPacketBytesMax) {
      return damaged("a packet claims " + std::to_string(captured) +
                     " captured bytes, more than the " + std::to_string(kPacketBytesMax) +
                     " that any capture has");
    }
    return need(missing);
  }

  bool header_read_ = false;
  bool swapped_ = false;
  LengthOrder length_order_ = LengthOrder::kCapturedFirst;
  uint16_t link_type_ = 0;
  uint32_t fraction_ns_ = 1000;
  size_t record_header_bytes_ = 16;
};

}  // namespace

bool is_pcap(const uint8_t* head) {
  return known_magic(load_u32<false>(head)) || known_magic(load_u32<true>(head));
}

std::unique_ptr<CaptureParser> make_pcap_parser() { return std::make_unique<PcapParser>(); }

}  // namespace tunmeter
