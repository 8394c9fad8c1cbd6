// The two factories of packet sources. The classes behind them implement PacketSource (packet.h).
//
// The factories never fail. The first read() reports a wrong path or interface, and error() says
// what is wrong, where, and what to do. So callers handle errors in one place.
//
// File sources read classic pcap and pcapng, plain or gzip'd, told apart by content
// (docs/formats.md). Threads: read(), reopen() and error() belong to one thread; interrupt() and
// stats() may be called from any.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "source/packet.h"

namespace tunmeter {

// The direction of the captured packets, seen from this machine.
enum class CaptureDirection : uint8_t { kBoth, kIn, kOut };

struct LiveOptions {
  std::string interface;            // a name as `ip link` shows it, or "any"
  uint32_t snaplen = 256;           // bytes kept of a packet; docs/formats.md explains the number
  std::string filter;               // pcap-filter(7) expression; empty = every packet
  uint64_t ring_bytes = 16u << 20;  // the kernel's buffer; 1 MiB .. 2 GiB, clamped
  bool promiscuous = false;  // a meter counts what its host forwards, not its neighbours' traffic
  CaptureDirection direction = CaptureDirection::kBoth;
};

// Reads a capture file; "-" is standard input. Pipes, FIFOs and character devices are read as
// streams.
std::unique_ptr<PacketSource> open_file_source(const std::string& path);

// Reads an interface through libpcap. The first read() opens it.
std::unique_ptr<PacketSource> open_live_source(const LiveOptions& options);

}  // namespace tunmeter
