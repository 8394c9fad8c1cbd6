// pcapng (draft-ietf-opsawg-pcapng): sections, each with its own byte order and interfaces.
//
//   byte 0      4            8            length - 4
//        | type | length u32 | body ...   | length u32 |        every block; padded to 4 bytes
//
//   block             type       body; fields of 4 bytes where no other length is said
//   section header    0a0d0d0a   1a2b3c4d | major 2, minor 2 | section length 8 | options
//   interface         1          link type 2, zero 2 | snaplen | options
//   obsolete packet   2          interface 2, drops 2 | time high | time low | captured | wire | data
//   simple packet     3          wire | data                   of interface 0, without a time
//   enhanced packet   6          interface | time high | time low | captured | wire | data | options
//   any other         ...        skipped, of any length
//
// A time is a number of ticks since the epoch plus if_tsoffset seconds. A tick is 10^-n or 2^-n s
// (the interface's if_tsresol).
//
// Limits: a block that is read whole has at most Window::kCapacityMax (16 MiB); a section has at
// most 65,536 interfaces.
#include <algorithm>
#include <utility>
#include <vector>

#include "source/source_format.h"

namespace tunmeter {

namespace {

enum BlockType : uint32_t {
  kSectionHeader = 0x0a0d'0d0a,
  kInterface = 1,
  kObsoletePacket = 2,
  kSimplePacket = 3,
  kEnhancedPacket = 6,
};

constexpr uint32_t kByteOrderMagic = 0x1a2b'3c4d;
constexpr size_t kBlockBytesMin = 12;
constexpr size_t kSectionBytesMin = 28;
constexpr size_t kInterfaceBytesMin = 20;
constexpr size_t kSimplePacketBytesMin = 16;
constexpr size_t kPacketHeaderBytes = 28;
constexpr size_t kTrailerBytes = 4;
constexpr size_t kInterfacesMax = 65'536;

constexpr uint16_t kOptionEnd = 0;
constexpr uint16_t kOptionTimeResolution = 9;
constexpr uint16_t kOptionTimeOffset = 14;

constexpr uint64_t kNsPerSecond = 1'000'000'000;

struct Interface {
  uint16_t link_type = 0;
  uint32_t snaplen = 0;
  uint64_t ticks_per_second = 1'000'000;
  // Nanoseconds in a tick if that is a whole number, else 0.
  uint64_t tick_ns = 1000;
  int64_t offset_s = 0;
};

// False when the ticks of one second do not fit 64 bits.
bool set_resolution(Interface& interface, uint8_t code) {
  const unsigned exponent = code & 0x7f;
  uint64_t ticks = 1;
  if ((code & 0x80) != 0) {
    if (exponent > 63) return false;
    ticks <<= exponent;
  } else {
    if (exponent > 19) return false;
    for (unsigned i = 0; i < exponent; ++i) ticks *= 10;
  }
  interface.ticks_per_second = ticks;
  interface.tick_ns = kNsPerSecond % ticks == 0 ? kNsPerSecond / ticks : 0;
  return true;
}

// In whole nanoseconds, rounded down. A time that 64 bits cannot hold (before 1677, after 2262)
// becomes the nearest one that they can.
int64_t time_of(const Interface& interface, uint64_t ticks) {
  __extension__ using Wide = __int128;
  Wide ns = Wide{interface.offset_s} * kNsPerSecond;
  if (interface.tick_ns != 0) {
    ns += Wide{ticks} * interface.tick_ns;
  } else {
    const uint64_t rate = interface.ticks_per_second;
    ns += Wide{ticks / rate} * kNsPerSecond + Wide{ticks % rate} * kNsPerSecond / rate;
  }
  // INT64_MIN is kNoTimestamp.
  return static_cast<int64_t>(std::clamp<Wide>(ns, INT64_MIN + 1, INT64_MAX));
}

class PcapngParser final : public CaptureParser {
 public:
  ParseStatus parse(Window& window, PacketBatch& batch) noexcept override {
    for (;;) {
      if (window.skip_pending() > 0) return need(1);
      if (trailer_of_skipped_ != 0 && !end_skipped(window)) {
        return damage().empty() ? need(kTrailerBytes) : ParseStatus::kDamaged;
      }
      const Outcome outcome =
          swapped_ ? parse_blocks<true>(window, batch) : parse_blocks<false>(window, batch);
      batch.flush();
      if (outcome == Outcome::kNeedMore) return ParseStatus::kNeedMore;
      if (outcome == Outcome::kDamaged) return ParseStatus::kDamaged;
    }
  }

  uint64_t record_offset(const Window& window) const override {
    return trailer_of_skipped_ != 0 ? skipped_offset_ : window.offset();
  }

  bool at_boundary(const Window& window) const override {
    return trailer_of_skipped_ == 0 && window.size() == 0;
  }

 private:
  // kAgain: parse the next block anew, after a new section or a skipped block.
  enum class Outcome : uint8_t { kNeedMore, kDamaged, kAgain };

  Outcome need_more(size_t bytes) {
    need(bytes);
    return Outcome::kNeedMore;
  }
  Outcome bad(std::string what) {
    damaged(std::move(what));
    return Outcome::kDamaged;
  }

  // Every packet of a file passes this loop. It consumes the blocks before the one at which it
  // stops.
  template <bool kSwapped>
  Outcome parse_blocks(Window& window, PacketBatch& batch) {
    for (;;) {
      const uint8_t* const at = window.data();
      if (window.size() < kBlockBytesMin) return need_more(kBlockBytesMin);
      const uint32_t type = load_u32<kSwapped>(at);
      if (type == kSectionHeader) return begin_section(window);

      const uint32_t length = load_u32<kSwapped>(at + 4);
      if (length < kBlockBytesMin) return bad("a block claims to be " + describe(length));
      // Some writers leave the padding out of the length. The place of the trailer is the same for
      // both.
      const uint64_t padded = (uint64_t{length} + 3) & ~uint64_t{3};
      const bool read = type == kEnhancedPacket || type == kSimplePacket ||
                        type == kObsoletePacket || type == kInterface;
      if (!read && padded > window.size()) {
        skipped_offset_ = window.offset();
        trailer_of_skipped_ = length;
        window.skip(padded - kTrailerBytes);
        return Outcome::kAgain;
      }
      if (padded > Window::kCapacityMax) {
        return bad("a packet's or interface's block claims to be " + describe(length));
      }
      if (window.size() < padded) return need_more(padded);
      if (load_u32<kSwapped>(at + padded - kTrailerBytes) != length) return bad_trailer(length);
      if (type == kEnhancedPacket || type == kObsoletePacket) {
        const uint32_t interface =
            type == kEnhancedPacket ? load_u32<kSwapped>(at + 8) : load_u16<kSwapped>(at + 8);
        if (!add_packet<kSwapped>(at, length, interface, batch)) return Outcome::kDamaged;
      } else if (type == kSimplePacket) {
        if (!add_simple<kSwapped>(at, length, batch)) return Outcome::kDamaged;
      } else if (type == kInterface) {
        if (!add_interface<kSwapped>(at, length)) return Outcome::kDamaged;
      }
      window.consume(padded);
    }
  }

  static std::string describe(uint32_t length) {
    return std::to_string(length) + " bytes long, which is impossible";
  }
  Outcome bad_trailer(uint32_t length) {
    return bad("a block's length of " + std::to_string(length) +
               " bytes is not repeated at its end");
  }

  // Checks the trailer of a skipped block; its byte order is the section's.
  bool end_skipped(Window& window) {
    if (window.size() < kTrailerBytes) return false;
    const uint8_t* const at = window.data();
    if ((swapped_ ? load_u32<true>(at) : load_u32<false>(at)) != trailer_of_skipped_) {
      bad_trailer(trailer_of_skipped_);
      return false;
    }
    trailer_of_skipped_ = 0;
    window.consume(kTrailerBytes);
    return true;
  }

  // This header's byte order comes from its magic, not from the section before.
  Outcome begin_section(Window& window) {
    const uint8_t* const at = window.data();
    const bool native = load_u32<false>(at + 8) == kByteOrderMagic;
    if (!native && load_u32<true>(at + 8) != kByteOrderMagic) {
      return bad("a section header has no byte-order magic");
    }
    const auto u32 = [&](size_t i) {
      return native ? load_u32<false>(at + i) : load_u32<true>(at + i);
    };
    const uint32_t length = u32(4);
    if (length < kSectionBytesMin || length > Window::kCapacityMax || length % 4 != 0) {
      return bad("a section header claims to be " + describe(length));
    }
    if (window.size() < length) return need_more(length);
    if (u32(length - kTrailerBytes) != length) return bad_trailer(length);
    const uint16_t major = native ? load_u16<false>(at + 12) : load_u16<true>(at + 12);
    if (major != 1) {
      return bad("its pcapng version is " + std::to_string(major) + ", and only 1 is known");
    }
    swapped_ = !native;
    interfaces_.clear();
    window.consume(length);
    return Outcome::kAgain;
  }

  template <bool kSwapped>
  bool add_packet(const uint8_t* at, uint32_t length, uint32_t interface_index,
                  PacketBatch& batch) {
    if (length < kPacketHeaderBytes + kTrailerBytes) {
      bad("a packet's block claims to be " + describe(length));
      return false;
    }
    if (interface_index >= interfaces_.size()) return no_interface(interface_index);
    const Interface& interface = interfaces_[interface_index];
    const uint64_t ticks =
        uint64_t{load_u32<kSwapped>(at + 12)} << 32 | load_u32<kSwapped>(at + 16);
    const uint32_t captured = load_u32<kSwapped>(at + 20);
    if (captured > length - kPacketHeaderBytes - kTrailerBytes || captured > kPacketBytesMax) {
      bad("a packet claims " + std::to_string(captured) + " captured bytes in a block of " +
          std::to_string(length));
      return false;
    }
    batch.add({at + kPacketHeaderBytes, time_of(interface, ticks), captured,
               load_u32<kSwapped>(at + 24), interface.link_type,
               static_cast<uint16_t>(interface_index)});
    return true;
  }

  template <bool kSwapped>
  bool add_simple(const uint8_t* at, uint32_t length, PacketBatch& batch) {
    if (length < kSimplePacketBytesMin) {
      bad("a packet's block claims to be " + describe(length));
      return false;
    }
    if (interfaces_.empty()) return no_interface(0);
    const Interface& interface = interfaces_[0];
    const uint32_t wire = load_u32<kSwapped>(at + 8);
    uint32_t captured = std::min<uint32_t>(wire, length - kSimplePacketBytesMin);
    if (interface.snaplen != 0) captured = std::min(captured, interface.snaplen);
    if (captured > kPacketBytesMax) {
      bad("a packet has " + std::to_string(captured) + " captured bytes");
      return false;
    }
    batch.add({at + 12, kNoTimestamp, captured, wire, interface.link_type});
    return true;
  }

  bool no_interface(uint32_t index) {
    bad("a packet is of interface " + std::to_string(index) + ", and the section has described " +
        std::to_string(interfaces_.size()));
    return false;
  }

  template <bool kSwapped>
  bool add_interface(const uint8_t* at, uint32_t length) {
    if (length < kInterfaceBytesMin) {
      bad("an interface's block claims to be " + describe(length));
      return false;
    }
    if (interfaces_.size() == kInterfacesMax) {
      bad("a section describes more than " + std::to_string(kInterfacesMax) + " interfaces");
      return false;
    }
    Interface interface;
    interface.link_type = load_u16<kSwapped>(at + 8);
    interface.snaplen = load_u32<kSwapped>(at + 12);
    if (!read_options<kSwapped>(at + 16, at + length - kTrailerBytes, interface)) {
      bad("an interface's options are damaged, so its packets have no time");
      return false;
    }
    interfaces_.push_back(interface);
    return true;
  }

  template <bool kSwapped>
  static bool read_options(const uint8_t* at, const uint8_t* end, Interface& interface) {
    while (end - at >= 4) {
      const uint16_t code = load_u16<kSwapped>(at);
      const uint16_t length = load_u16<kSwapped>(at + 2);
      at += 4;
      if (code == kOptionEnd) return true;
      if (end - at < length) return false;
      if (code == kOptionTimeResolution) {
        if (length != 1 || !set_resolution(interface, at[0])) return false;
      } else if (code == kOptionTimeOffset) {
        if (length != 8) return false;
        const uint64_t first = load_u32<kSwapped>(at);
        const uint64_t second = load_u32<kSwapped>(at + 4);
        // A 64-bit field in the section's byte order. load_u32 has converted each half, so only the
        // order of the halves differs.
        const bool big_endian = kSwapped == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
        interface.offset_s =
            static_cast<int64_t>(big_endian ? first << 32 | second : second << 32 | first);
      }
      at += std::min<ptrdiff_t>((length + 3) & ~3, end - at);
    }
    return true;
  }

  bool swapped_ = false;
  std::vector<Interface> interfaces_;
  uint64_t skipped_offset_ = 0;
  uint32_t trailer_of_skipped_ = 0;  // length of the skipped block; 0: none
};

}  // namespace

bool is_pcapng(const uint8_t* head) { return load_u32<false>(head) == kSectionHeader; }

std::unique_ptr<CaptureParser> make_pcapng_parser() { return std::make_unique<PcapngParser>(); }

}  // namespace tunmeter
