#include "session_rows.h"

#include <time.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string_view>
#include <utility>

#include "community_id.h"

namespace tunmeter {
namespace {

// A value's text: the longest is an IPv6 endpoint, [8 groups]:port.
constexpr size_t kValueBytesMax = 64;
constexpr uint64_t kExactMax = (uint64_t{1} << 53) - 1;
// Up to here (the year 2096) a double of seconds tells microseconds apart.
constexpr int64_t kTimeUsMax = 4'000'000'000'000'000;
constexpr int64_t kDurationUsMax = int64_t{1} << 43;
constexpr uint64_t kSequenceMax = (uint64_t{1} << 40) - 1;
constexpr int64_t kDaySeconds = 86'400;

constexpr std::string_view kEndReasons[] = {
    "", "idleTimeout", "activeTimeout", "endOfFlowDetected", "forcedEnd", "lackOfResources"};
constexpr std::string_view kConnStates[] = {"S0",   "S1",     "SF",    "REJ", "S2",  "S3", "RSTO",
                                            "RSTR", "RSTOS0", "RSTRH", "SH",  "SHR", "OTH"};
constexpr std::string_view kBases[] = {"syn", "synAck", "peer", "firstPacket"};

char* text(std::string_view text, char* out) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

char* number(uint64_t value, char* out) { return std::to_chars(out, out + 20, value).ptr; }

// With leading zeros.
char* digits(uint32_t value, int count, char* out) {
  for (int i = count - 1; i >= 0; i--, value /= 10) out[i] = static_cast<char>('0' + value % 10);
  return out + count;
}

char* ipv4(const uint8_t* ip, char* out) {
  for (int i = 0; i < 4; i++) {
    if (i > 0) *out++ = '.';
    out = number(ip[i], out);
  }
  return out;
}

uint32_t group(const uint8_t* ip, int i) { return (ip[2 * i] << 8) | ip[2 * i + 1]; }

// RFC 5952, as formatIpv6() in src/capture/record-decode.ts.
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
    return ipv4(ip + 12, text("::ffff:", out));
  }
  bool separated = true;
  for (int i = 0; i < 8; i++) {
    if (i == run_start) {
      out = text("::", out);
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
  return number(port, out);
}

// Milliseconds, rounded half up, as seconds without trailing zeros.
char* duration(int64_t us, char* out) {
  const uint64_t ms = static_cast<uint64_t>(us + 500) / 1000;
  out = number(ms / 1000, out);
  const uint32_t fraction = static_cast<uint32_t>(ms % 1000);
  if (fraction == 0) return out;
  *out++ = '.';
  out = digits(fraction, 3, out);
  while (out[-1] == '0') out--;
  return out;
}

char* session_id(std::string_view prefix, uint64_t sequence, char* out) {
  constexpr std::string_view kBase32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  out = text(prefix, out);
  for (int shift = 35; shift >= 0; shift -= 5) *out++ = kBase32[(sequence >> shift) & 31];
  return out;
}

bool spelled_alike(const SessionRecord& r) {
  const uint64_t largest =
      std::max({r.bytes_tx, r.bytes_rx, r.payload_tx, r.payload_rx, r.packets_tx, r.packets_rx});
  return largest <= kExactMax && r.sequence <= kSequenceMax && r.first_us >= 0 &&
         r.last_us <= kTimeUsMax && r.last_us - r.first_us < kDurationUsMax;
}

}  // namespace

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
    out = text(part.before, out);
    out = value(record, part.value, out);
  }
  return text(tail_, out);
}

char* SessionRows::value(const SessionRecord& r, RowValue value, char* out) {
  switch (value) {
    case RowValue::kTimestamp:
      return number(static_cast<uint64_t>(r.first_us) / 1'000'000, out);
    case RowValue::kProtocol:
      return text(r.protocol == 6 ? "tcp" : "udp", out);
    case RowValue::kSourceAddr:
      return endpoint(r.source_ip, r.family, r.source_port, out);
    case RowValue::kDestAddr:
      return endpoint(r.dest_ip, r.family, r.dest_port, out);
    case RowValue::kDuration:
      if (r.end_reason == EndReason::kActiveTimeout) return text(null_, out);
      return duration(r.last_us - r.first_us, out);
    case RowValue::kBytesTx:
      return number(r.bytes_tx, out);
    case RowValue::kBytesRx:
      return number(r.bytes_rx, out);
    case RowValue::kSessionId:
      return session_id(run_prefix_, r.sequence, out);
    case RowValue::kStartTime:
      return time(r.first_us, out);
    case RowValue::kEndTime:
      return time(r.last_us, out);
    case RowValue::kPacketsTx:
      return number(r.packets_tx, out);
    case RowValue::kPacketsRx:
      return number(r.packets_rx, out);
    case RowValue::kPayloadTx:
      return number(r.payload_tx, out);
    case RowValue::kPayloadRx:
      return number(r.payload_rx, out);
    case RowValue::kEndReason:
      return text(kEndReasons[static_cast<int>(r.end_reason)], out);
    case RowValue::kConnState:
      return text(kConnStates[static_cast<int>(r.conn_state)], out);
    case RowValue::kTcpFlagsTx:
      return number(r.tcp_flags_tx, out);
    case RowValue::kTcpFlagsRx:
      return number(r.tcp_flags_rx, out);
    case RowValue::kHandshakeRttUs:
      return r.handshake_rtt_us == kNoRtt ? text(null_, out) : number(r.handshake_rtt_us, out);
    case RowValue::kDirectionBasis:
      return text(kBases[static_cast<int>(r.direction_basis)], out);
    case RowValue::kMidstream:
      return text((r.flags & kFlagMidstream) != 0 ? "true" : "false", out);
    case RowValue::kCommunityId:
      return community_id(r, out);
    case RowValue::kCount:
      break;
  }
  return out;
}

// 2026-11-22T22:37:01.000123Z
char* SessionRows::time(int64_t us, char* out) {
  const int64_t second = us / 1'000'000;
  const int64_t day = second / kDaySeconds;
  if (day != day_) {
    day_ = day;
    const time_t midnight = day * kDaySeconds;
    tm date;
    gmtime_r(&midnight, &date);
    char* at = digits(static_cast<uint32_t>(date.tm_year + 1900), 4, date_);
    *at++ = '-';
    at = digits(static_cast<uint32_t>(date.tm_mon + 1), 2, at);
    *at++ = '-';
    digits(static_cast<uint32_t>(date.tm_mday), 2, at);
  }
  const auto of_day = static_cast<uint32_t>(second % kDaySeconds);
  out = text({date_, sizeof date_}, out);
  *out++ = 'T';
  out = digits(of_day / 3600, 2, out);
  *out++ = ':';
  out = digits(of_day / 60 % 60, 2, out);
  *out++ = ':';
  out = digits(of_day % 60, 2, out);
  *out++ = '.';
  out = digits(static_cast<uint32_t>(us % 1'000'000), 6, out);
  *out++ = 'Z';
  return out;
}

}  // namespace tunmeter
