#include "addon/session_rows.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "addon/spelling.h"
#include "engine/community_id.h"

namespace tunmeter {
namespace {

// An upper bound; the longest value is an IPv6 endpoint, [8 groups]:port.
constexpr size_t kValueBytesMax = 64;
constexpr uint64_t kExactMax = (uint64_t{1} << 53) - 1;
// Up to the year 2096 a double of seconds distinguishes microseconds.
constexpr int64_t kTimeUsMax = 4'000'000'000'000'000;
constexpr int64_t kDurationUsMax = int64_t{1} << 43;
constexpr uint64_t kSequenceMax = (uint64_t{1} << 40) - 1;

char* ipv4(const uint8_t* ip, char* out) {
  for (int i = 0; i < 4; i++) {
    if (i > 0) *out++ = '.';
    out = spelling::number(ip[i], out);
  }
  return out;
}

uint32_t group(const uint8_t* ip, int i) { return (ip[2 * i] << 8) | ip[2 * i + 1]; }

// RFC 5952; equals formatIpv6() in src/session/ip-text.ts.
char* ipv6(const uint8_t* ip, char* out) {
  int run_start = -1;
  int run_length = 1;
  for (int i = 0; i < 8; i++) {
    int length = 0;
    while (i + length < 8 && group(ip, i + length) == 0) length++;
    if (length > run_length) {
      run_start = i;
      run_length = length;
    }
    i += length;
  }
  if (run_start == 0 && run_length == 5 && ip[10] == 0xff && ip[11] == 0xff) {
    return ipv4(ip + 12, spelling::text("::ffff:", out));
  }
  bool separated = true;
  for (int i = 0; i < 8; i++) {
    if (i == run_start) {
      out = spelling::text("::", out);
      i += run_length - 1;
      separated = true;
      continue;
    }
    if (!separated) *out++ = ':';
    out = std::to_chars(out, out + 4, group(ip, i), 16).ptr;
    separated = false;
  }
  return out;
}

char* endpoint(const uint8_t* ip, uint8_t family, uint16_t port, char* out) {
  if (family == 4) {
    out = ipv4(ip, out);
  } else {
    *out++ = '[';
    out = ipv6(ip, out);
    *out++ = ']';
  }
  *out++ = ':';
  return spelling::number(port, out);
}

FiveTuple five_tuple(const SessionRecord& r) {
  const size_t bytes = r.family == 4 ? 4 : 16;
  return {r.protocol, {r.source_ip, bytes}, r.source_port, {r.dest_ip, bytes}, r.dest_port};
}

bool spelled_alike(const SessionRecord& r) {
  uint64_t largest = 0;
  for (const RecordCounter& counter : kRecordCounters)
    largest = std::max(largest, r.*counter.member);
  // Otherwise goodput would be negative.
  const bool possible =
      r.retransmitted_bytes_tx <= r.payload_tx && r.retransmitted_bytes_rx <= r.payload_rx;
  return possible && largest <= kExactMax && r.sequence <= kSequenceMax && r.first_us >= 0 &&
         r.first_us <= r.last_us && r.last_us <= kTimeUsMax &&
         r.last_us - r.first_us < kDurationUsMax;
}

}  // namespace

RowPart row_part(std::string before, std::string_view name) {
  for (const RecordCounter& counter : kRecordCounters) {
    if (counter.name == name) return {std::move(before), RowValue::kCount, counter.member};
  }
  const auto* const end = kRowValueNames + kRowValueCount;
  const auto value = std::find(kRowValueNames, end, name) - kRowValueNames;
  return {std::move(before), static_cast<RowValue>(value), nullptr};
}

SessionRows::SessionRows(std::vector<RowPart> parts, std::string tail, std::string null,
                         std::string run_prefix)
    : parts_(std::move(parts)),
      tail_(std::move(tail)),
      null_(std::move(null)),
      run_prefix_(std::move(run_prefix)) {
  row_bytes_max_ = tail_.size() + run_prefix_.size();
  for (const RowPart& part : parts_) {
    row_bytes_max_ += part.before.size() + kValueBytesMax + null_.size() + run_prefix_.size();
  }
}

char* SessionRows::write(const SessionRecord& record, char* out) {
  if (!spelled_alike(record)) return nullptr;
  for (const RowPart& part : parts_) {
    out = spelling::text(part.before, out);
    out = part.counter != nullptr ? spelling::number(record.*part.counter, out)
                                  : value(record, part.value, out);
  }
  return spelling::text(tail_, out);
}

char* SessionRows::value(const SessionRecord& r, RowValue value, char* out) {
  switch (value) {
    case RowValue::kTimestamp:
      return spelling::number(static_cast<uint64_t>(r.first_us) / 1'000'000, out);
    case RowValue::kProtocol:
      return spelling::text(r.protocol == 6 ? "tcp" : "udp", out);
    case RowValue::kSourceAddr:
      return endpoint(r.source_ip, r.family, r.source_port, out);
    case RowValue::kDestAddr:
      return endpoint(r.dest_ip, r.family, r.dest_port, out);
    case RowValue::kDuration:
      if (r.end_reason == EndReason::kActiveTimeout) return spelling::text(null_, out);
      // Rounded half up.
      return spelling::thousandths(static_cast<uint64_t>(r.last_us - r.first_us + 500) / 1000, out);
    case RowValue::kSessionId:
      return spelling::sequence(r.sequence, spelling::text(run_prefix_, out));
    case RowValue::kStartTime:
      return time_.write(r.first_us, out);
    case RowValue::kEndTime:
      return time_.write(r.last_us, out);
    case RowValue::kEndReason:
      return spelling::text(kEndReasonNames[static_cast<int>(r.end_reason)], out);
    case RowValue::kConnState:
      return spelling::text(kConnStateNames[static_cast<int>(r.conn_state)], out);
    case RowValue::kTcpFlagsTx:
      return spelling::number(r.tcp_flags_tx, out);
    case RowValue::kTcpFlagsRx:
      return spelling::number(r.tcp_flags_rx, out);
    case RowValue::kHandshakeRttUs:
      return r.handshake_rtt_us == kNoRtt ? spelling::text(null_, out)
                                          : spelling::number(r.handshake_rtt_us, out);
    case RowValue::kDirectionBasis:
      return spelling::text(kDirectionBasisNames[static_cast<int>(r.direction_basis)], out);
    case RowValue::kMidstream:
      return spelling::text((r.flags & kFlagMidstream) != 0 ? "true" : "false", out);
    case RowValue::kCommunityId:
      return community_id(five_tuple(r), out);
    case RowValue::kGoodputTx:
      return spelling::number(r.payload_tx - r.retransmitted_bytes_tx, out);
    case RowValue::kGoodputRx:
      return spelling::number(r.payload_rx - r.retransmitted_bytes_rx, out);
    case RowValue::kCount:
      break;
  }
  return out;
}

}  // namespace tunmeter
