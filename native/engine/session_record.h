// The binary session record: the form in which the engine gives a session to JavaScript.
//
// Fixed size, little endian, no unnamed padding. src/meter/capture/record-layout.ts has the same
// layout. The addon reports offsets, sizes and words as compiled (native/addon/layout.cc), and
// loading it fails when one differs.
//
//   byte   0           8          16         24         32          40
//          | sequence  | first_us | last_us  | bytes_tx | bytes_rx  | payload_tx |
//   byte  48           56           64           72              88             104
//          | payload_rx | packets_tx | packets_rx | source_ip 16  | dest_ip 16   |
//   byte 104      106      108   109  110  111   112  113  114   115   116      120
//          | sport | dport | prot | fam | end | conn | ftx | frx | base | flag | rtt_us |
//   byte 120     124      128           144                  160
//          | epoch | zero | retrans. tx | retrans. octets tx |
//                         | and rx      | and rx             |
//
// "source" is the initiator, "dest" the responder, so tx is source to dest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <type_traits>

namespace tunmeter {

// IPFIX flowEndReason (RFC 5102, element 136).
enum class EndReason : uint8_t {
  kIdleTimeout = 1,
  kActiveTimeout = 2,  // an interim record: the session goes on
  kEndOfFlowDetected = 3,
  kForcedEnd = 4,
  kLackOfResources = 5,
};
// The words of the enum by number, as in src/session/words.ts.
inline constexpr std::string_view kEndReasonNames[] = {
    "", "idleTimeout", "activeTimeout", "endOfFlowDetected", "forcedEnd", "lackOfResources"};
static_assert(std::size(kEndReasonNames) == static_cast<size_t>(EndReason::kLackOfResources) + 1);

// Zeek's conn_state words (base/protocols/conn/main.zeek).
enum class ConnState : uint8_t {
  kS0 = 0,      // attempt seen, no answer
  kS1 = 1,      // established, not ended
  kSF = 2,      // normal establishment and end; UDP: both sides spoke
  kREJ = 3,     // attempt refused (RST to the SYN, or an ICMP unreachable)
  kS2 = 4,      // established, initiator's FIN seen, no answer to it
  kS3 = 5,      // established, responder's FIN seen, no answer to it
  kRSTO = 6,    // established, initiator reset it
  kRSTR = 7,    // responder reset it
  kRSTOS0 = 8,  // initiator sent SYN then RST, no SYN-ACK seen
  kRSTRH = 9,   // responder sent SYN-ACK then RST, no SYN seen
  kSH = 10,     // initiator sent SYN then FIN, no SYN-ACK seen
  kSHR = 11,    // responder sent SYN-ACK then FIN, no SYN seen; UDP: only the responder spoke
  kOTH = 12,    // no handshake seen: midstream
};
inline constexpr std::string_view kConnStateNames[] = {
    "S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH"};
static_assert(std::size(kConnStateNames) == static_cast<size_t>(ConnState::kOTH) + 1);

enum class DirectionBasis : uint8_t {
  kSyn = 0,          // sender of the SYN
  kSynAck = 1,       // receiver of the SYN-ACK
  kPeer = 2,         // the one side inside a WireGuard peer's allowed IPs
  kFirstPacket = 3,  // sender of the first packet seen
};
inline constexpr std::string_view kDirectionBasisNames[] = {"syn", "synAck", "peer", "firstPacket"};
static_assert(std::size(kDirectionBasisNames) ==
              static_cast<size_t>(DirectionBasis::kFirstPacket) + 1);

enum RecordFlags : uint8_t {
  kFlagMidstream = 1,  // a TCP packet other than SYN and SYN-ACK opened it
  kFlagIcmpError = 2,  // an ICMP error answered this attempt
};

inline constexpr uint32_t kNoRtt = UINT32_MAX;

struct SessionRecord {
  uint64_t sequence;  // unique in one engine, from 1, in order of opening; all records of a
                      // session have the same
  int64_t first_us;   // earliest packet, microseconds since the Unix epoch, truncated
  int64_t last_us;    // latest packet; never below first_us
  uint64_t bytes_tx;  // IP octets initiator -> responder, headers included (IPFIX octetDeltaCount)
  uint64_t bytes_rx;
  uint64_t payload_tx;  // without IP and TCP/UDP headers (IPFIX initiatorOctets)
  uint64_t payload_rx;
  uint64_t packets_tx;
  uint64_t packets_rx;
  uint8_t source_ip[16];  // network order; IPv4 in the first four bytes, the rest zero
  uint8_t dest_ip[16];
  uint16_t source_port;
  uint16_t dest_port;
  uint8_t protocol;  // 6 or 17
  uint8_t family;    // 4 or 6
  EndReason end_reason;
  ConnState conn_state;
  uint8_t tcp_flags_tx;  // OR of all flags (IPFIX tcpControlBits, low 8)
  uint8_t tcp_flags_rx;
  DirectionBasis direction_basis;
  uint8_t flags;              // RecordFlags
  uint32_t handshake_rtt_us;  // SYN -> SYN-ACK at this interface; kNoRtt: not seen
  uint32_t epoch;             // the epoch in force when the session opened (epochs.h)
  uint8_t reserved[4];        // zero
  uint64_t retransmits_tx;    // TCP segments with sequence numbers seen before
  uint64_t retransmits_rx;
  uint64_t retransmitted_bytes_tx;  // payload octets only
  uint64_t retransmitted_bytes_rx;
};

static_assert(sizeof(SessionRecord) == 160 && std::is_trivially_copyable_v<SessionRecord>);
static_assert(offsetof(SessionRecord, source_ip) == 72 &&
              offsetof(SessionRecord, source_port) == 104);
static_assert(offsetof(SessionRecord, protocol) == 108 &&
              offsetof(SessionRecord, handshake_rtt_us) == 116);

// The record's counters under their names in src/session/session-table.ts; rows show them as
// digits.
struct RecordCounter {
  std::string_view name;
  uint64_t SessionRecord::*member;
};
inline constexpr RecordCounter kRecordCounters[] = {
    {"bytesTx", &SessionRecord::bytes_tx},
    {"bytesRx", &SessionRecord::bytes_rx},
    {"payloadTx", &SessionRecord::payload_tx},
    {"payloadRx", &SessionRecord::payload_rx},
    {"packetsTx", &SessionRecord::packets_tx},
    {"packetsRx", &SessionRecord::packets_rx},
    {"retransmitsTx", &SessionRecord::retransmits_tx},
    {"retransmitsRx", &SessionRecord::retransmits_rx},
    {"retransmittedBytesTx", &SessionRecord::retransmitted_bytes_tx},
    {"retransmittedBytesRx", &SessionRecord::retransmitted_bytes_rx},
};

// Every field in the order of the record, as FIELD(name, member). native/addon/layout.cc lists the
// layout with it.
#define TUNMETER_RECORD_FIELDS(FIELD)                   \
  FIELD("sequence", sequence)                           \
  FIELD("startTimeUs", first_us)                        \
  FIELD("endTimeUs", last_us)                           \
  FIELD("bytesTx", bytes_tx)                            \
  FIELD("bytesRx", bytes_rx)                            \
  FIELD("payloadTx", payload_tx)                        \
  FIELD("payloadRx", payload_rx)                        \
  FIELD("packetsTx", packets_tx)                        \
  FIELD("packetsRx", packets_rx)                        \
  FIELD("sourceIp", source_ip)                          \
  FIELD("destIp", dest_ip)                              \
  FIELD("sourcePort", source_port)                      \
  FIELD("destPort", dest_port)                          \
  FIELD("protocol", protocol)                           \
  FIELD("family", family)                               \
  FIELD("endReason", end_reason)                        \
  FIELD("connState", conn_state)                        \
  FIELD("tcpFlagsTx", tcp_flags_tx)                     \
  FIELD("tcpFlagsRx", tcp_flags_rx)                     \
  FIELD("directionBasis", direction_basis)              \
  FIELD("flags", flags)                                 \
  FIELD("handshakeRttUs", handshake_rtt_us)             \
  FIELD("epoch", epoch)                                 \
  FIELD("reserved", reserved)                           \
  FIELD("retransmitsTx", retransmits_tx)                \
  FIELD("retransmitsRx", retransmits_rx)                \
  FIELD("retransmittedBytesTx", retransmitted_bytes_tx) \
  FIELD("retransmittedBytesRx", retransmitted_bytes_rx)

}  // namespace tunmeter
