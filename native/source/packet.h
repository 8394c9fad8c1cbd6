// What a source hands to the engine, and the two interfaces between them.
//
// A source (a file reader, libpcap live) knows nothing of flows; the engine knows nothing of where
// packets come from. They meet here. Neither knows Node.
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

// A packet without a time of its own (pcapng simple packet block): the engine uses the time before
// it.
inline constexpr int64_t kNoTimestamp = INT64_MIN;

struct RawPacket {
  const uint8_t* data;      // from the link header on; see PacketSink for its life
  int64_t timestamp_ns;     // since the Unix epoch, or kNoTimestamp
  uint32_t captured_bytes;  // what the snaplen left
  uint32_t wire_bytes;  // what was on the wire, link header included; may be below captured_bytes
                        // in bad files
  uint16_t link_type;   // LINKTYPE_*; any number, known or not
  uint16_t interface = 0;  // of a pcapng section: interfaces may have clocks of their own
};

class PacketSink {
 public:
  // Takes packets in capture order. `data` need only stay valid during the call.
  virtual void packets(std::span<const RawPacket> batch) noexcept = 0;

 protected:
  ~PacketSink() = default;
};

enum class SourceStatus : uint8_t {
  kOk,       // something was delivered, or a live source waited its turn in vain; call again
  kEnd,      // the input is over, cleanly
  kDamaged,  // a file is truncated or damaged from here on; error() says what and at which byte
  kFailed,   // cannot be read at all (open, permission, not a capture); error() says why
  kGone,     // live: the interface went away or down; reopen() may bring it back
};

struct SourceError {
  std::string code;     // stable, upper case: FILE_TRUNCATED, FILE_DAMAGED, NOT_A_CAPTURE,
                        // INTERFACE_MISSING, NO_PERMISSION...
  std::string message;  // says what, where (byte offset) and what to do
  uint64_t byte_offset = 0;
};

// Cumulative since the source was made, over reopenings.
struct SourceStats {
  uint64_t bytes_read = 0;         // of the file as stored (progress); 0 for live
  uint64_t bytes_total = 0;        // size of the file as stored; 0 when unknown
  uint64_t kernel_received = 0;    // pcap_stats ps_recv
  uint64_t kernel_dropped = 0;     // pcap_stats ps_drop: ring full
  uint64_t interface_dropped = 0;  // pcap_stats ps_ifdrop
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
  // Delivers the next packets to the sink and returns. Live: waits at most about 100 ms for the
  // first one.
  virtual SourceStatus read(PacketSink& sink) noexcept = 0;
  // Live, after kGone: tries once to open the interface again; true when packets flow again.
  virtual bool reopen() noexcept { return false; }
  // Makes a read() in progress on another thread return soon, or the next one if none is. That next
  // read() does not wait: it delivers what is there and brings stats() up to date, so a reader that
  // stops calls it once more and loses nothing that the kernel has handed up. Safe to call from any
  // thread, any time.
  virtual void interrupt() noexcept {}
  virtual SourceStats stats() noexcept = 0;
  virtual const SourceError& error() const noexcept = 0;
};

}  // namespace tunmeter
