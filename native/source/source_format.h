// Capture formats: a parser turns the bytes in a Window into packets.
//
// In:  a window at the start of the format's first header. Out: packets in file order, in spans of
// up to kBatchPackets. Their data points into the window. A parser keeps no packet bytes and never
// reads beyond window.size(). Damage does not change packets delivered before it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "source/packet.h"
#include "source/source_stream.h"

namespace tunmeter {

// Longer packets are damage: libpcap's MAXIMUM_SNAPLEN and Wireshark's
// WTAP_MAX_PACKET_SIZE_STANDARD.
inline constexpr uint32_t kPacketBytesMax = 262'144;

enum class ParseStatus : uint8_t {
  kNeedMore,  // the record at window.data() is incomplete: it needs needed() bytes
  kDamaged,   // the record at window.data() is damaged; see damage()
};

// Collects packets and hands them on in spans.
class PacketBatch {
 public:
  static constexpr size_t kBatchPackets = 256;

  explicit PacketBatch(PacketSink& sink) : sink_(sink) {}
  ~PacketBatch() { flush(); }
  PacketBatch(const PacketBatch&) = delete;
  PacketBatch& operator=(const PacketBatch&) = delete;

  void add(const RawPacket& packet) {
    packets_[count_++] = packet;
    if (count_ == kBatchPackets) flush();
  }
  void flush() {
    if (count_ > 0) sink_.packets({packets_.data(), count_});
    delivered_ += count_;
    count_ = 0;
  }
  uint64_t added() const { return delivered_ + count_; }

 private:
  PacketSink& sink_;
  std::array<RawPacket, kBatchPackets> packets_;
  size_t count_ = 0;
  uint64_t delivered_ = 0;
};

class CaptureParser {
 public:
  virtual ~CaptureParser() = default;
  // Delivers every whole record in the window.
  virtual ParseStatus parse(Window& window, PacketBatch& batch) noexcept = 0;
  // The offset of the record that parse() stopped at; window.offset(), except in a skipped block.
  virtual uint64_t record_offset(const Window& window) const { return window.offset(); }
  // True when the last record ends where the window's bytes end: a clean end of the file.
  virtual bool at_boundary(const Window& window) const {
    return window.size() == 0 && window.skip_pending() == 0;
  }
  size_t needed() const { return needed_; }
  const std::string& damage() const { return damage_; }

 protected:
  ParseStatus need(size_t bytes) {
    needed_ = bytes;
    return ParseStatus::kNeedMore;
  }
  ParseStatus damaged(std::string what) {
    damage_ = std::move(what);
    return ParseStatus::kDamaged;
  }

 private:
  size_t needed_ = 0;
  std::string damage_;
};

inline constexpr size_t kMagicBytes = 4;

// Both read kMagicBytes.
bool is_pcap(const uint8_t* head);
bool is_pcapng(const uint8_t* head);
std::unique_ptr<CaptureParser> make_pcap_parser();
std::unique_ptr<CaptureParser> make_pcapng_parser();

// LINKTYPE_* as RawPacket carries it. The upper bits of a file's 32-bit field hold the length of
// the frame check sequence (draft-ietf-opsawg-pcap). A type beyond 16 bits is not assigned.
inline uint16_t link_type_of_field(uint32_t field) {
  const uint32_t type = field & 0x03ff'ffff;
  return type > UINT16_MAX ? UINT16_MAX : static_cast<uint16_t>(type);
}

template <bool kSwapped>
inline uint32_t load_u32(const uint8_t* at) {
  uint32_t value;
  __builtin_memcpy(&value, at, sizeof value);
  return kSwapped ? __builtin_bswap32(value) : value;
}

template <bool kSwapped>
inline uint16_t load_u16(const uint8_t* at) {
  uint16_t value;
  __builtin_memcpy(&value, at, sizeof value);
  return kSwapped ? __builtin_bswap16(value) : value;
}

}  // namespace tunmeter
