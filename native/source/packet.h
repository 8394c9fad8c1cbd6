// The interface between packet sources and the engine: RawPacket, PacketSource and PacketSink.
//
// A source (a file reader, live capture) knows nothing of flows, the engine nothing of files and
// interfaces, and neither of Node.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace tunmeter {

// LINKTYPE_* numbers as files store them (https://www.tcpdump.org/linktypes.html). Sources map
// libpcap's DLT_* (which differ between platforms for RAW) to these before a packet reaches the
// engine.
enum LinkType : uint16_t {
  kLinkNull = 0,
  kLinkEthernet = 1,
  kLinkPpp = 9,
  kLinkRawDlt12 = 12,
  kLinkRaw = 101,
  kLinkCiscoHdlc = 104,
  kLinkLoop = 108,
  kLinkLinuxSll = 113,
  kLinkIpv4 = 228,
  kLinkIpv6 = 229,
  kLinkNflog = 239,
  kLinkLinuxSll2 = 276,
};

// The time of a packet that has none (pcapng simple packet block). The engine then uses the time of
// the packet before it.
inline constexpr int64_t kNoTimestamp = INT64_MIN;

struct RawPacket {
  const uint8_t* data;      // from the link header on; for its lifetime see PacketSink
  int64_t timestamp_ns;     // since the Unix epoch, or kNoTimestamp
  uint32_t captured_bytes;  // at most the snaplen
  uint32_t wire_bytes;      // length on the wire with the link header; may be below captured_bytes
                            // in bad files
  uint16_t link_type;       // LINKTYPE_*; any number, known or not
  uint16_t interface = 0;   // number in its pcapng section; interfaces may differ in their clocks
};

class PacketSink {
 public:
  // Takes packets in capture order. `data` need only stay valid during the call.
  virtual void packets(std::span<const RawPacket> batch) noexcept = 0;

 protected:
  ~PacketSink() = default;
};

enum class SourceStatus : uint8_t {
  kOk,       // packets came, or none came while a live read() waited; call again
  kWaited,   // a pipe had no packets while read() waited; call again
  kEnd,      // the input ended cleanly
  kDamaged,  // the file is truncated or damaged from here on; error() has the byte
  kFailed,   // the input cannot be read (missing, no permission, not a capture); see error()
  kGone,     // live: the interface is deleted, renamed or down; reopen() may succeed later
};

// True while read() may be called again.
inline bool can_go_on(SourceStatus status) {
  return status == SourceStatus::kOk || status == SourceStatus::kWaited;
}

struct SourceError {
  std::string code;     // stable, upper case: FILE_TRUNCATED, FILE_DAMAGED, NOT_A_CAPTURE,
                        // INTERFACE_MISSING, NO_PERMISSION...
  std::string message;  // says what, where (byte offset) and what to do
  uint64_t byte_offset = 0;
};

// Totals since the source was made; reopening does not reset them.
struct SourceStats {
  uint64_t bytes_read = 0;         // bytes of the stored file that were read (progress); 0 for live
  uint64_t bytes_total = 0;        // size of the stored file; 0 when unknown
  uint64_t kernel_received = 0;    // pcap_stats ps_recv
  uint64_t kernel_dropped = 0;     // pcap_stats ps_drop: ring full
  uint64_t interface_dropped = 0;  // packets that the interface itself lost (LinkStats::rx_lost)
  uint64_t reopened = 0;           // how often a live interface was opened again

  void operator+=(const SourceStats& s) {
    bytes_read += s.bytes_read;
    bytes_total += s.bytes_total;
    kernel_received += s.kernel_received;
    kernel_dropped += s.kernel_dropped;
    interface_dropped += s.interface_dropped;
    reopened += s.reopened;
  }
};

class PacketSource {
 public:
  virtual ~PacketSource() = default;
  // Delivers the next packets to the sink and returns. A live source or a pipe waits at most about
  // 100 ms for the first one.
  virtual SourceStatus read(PacketSink& sink) noexcept = 0;
  // Live, after kGone: tries once to open the interface again; true when it is open.
  virtual bool reopen() noexcept { return false; }
  // Ends the wait of a read() in progress on another thread, or else of the next read(). A read()
  // that was interrupted delivers the packets that are there and updates stats(). A reader that
  // stops calls read() once more after that and loses no packet in the kernel's ring. Any thread.
  virtual void interrupt() noexcept {}
  virtual SourceStats stats() noexcept = 0;
  virtual const SourceError& error() const noexcept = 0;
};

}  // namespace tunmeter
