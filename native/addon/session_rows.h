// Session records as text, row by row: what writes a million rows a second.
//
// A row is a list of parts: text that is the same in every row, then a value of the record. The
// caller (src/meter/output/record-rows.ts) makes the list from the one table of fields, so names, order
// and punctuation are decided there; here is only how each value is spelled, which a test compares
// with what JavaScript writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "addon/spelling.h"
#include "engine/session_record.h"

namespace tunmeter {

// What is not one of kRecordCounters.
enum class RowValue : uint8_t {
  kTimestamp,
  kProtocol,
  kSourceAddr,
  kDestAddr,
  kDuration,
  kSessionId,
  kStartTime,
  kEndTime,
  kEndReason,
  kConnState,
  kTcpFlagsTx,
  kTcpFlagsRx,
  kHandshakeRttUs,
  kDirectionBasis,
  kMidstream,
  kCommunityId,
  kGoodputTx,
  kGoodputRx,
  kCount,
};
inline constexpr int kRowValueCount = static_cast<int>(RowValue::kCount);
// Names of the fields in src/session/fields.ts.
inline constexpr const char* kRowValueNames[kRowValueCount] = {
    "timestamp",      "protocol",       "sourceAddr", "destAddr",    "duration",   "sessionId",
    "startTime",      "endTime",        "endReason",  "connState",   "tcpFlagsTx", "tcpFlagsRx",
    "handshakeRttUs", "directionBasis", "midstream",  "communityId", "goodputTx",  "goodputRx"};

struct RowPart {
  std::string before;
  RowValue value;                    // kCount where it is a counter
  uint64_t SessionRecord::*counter;  // null where it is another value
};
// Of the value with that name: one of kRowValueNames or of kRecordCounters.
RowPart row_part(std::string before, std::string_view name);

class SessionRows {
 public:
  // `null`: what stands for a value that is not there. `run_prefix`: of the session ids.
  SessionRows(std::vector<RowPart> parts, std::string tail, std::string null,
              std::string run_prefix);

  // No row is longer.
  size_t row_bytes_max() const { return row_bytes_max_; }
  // Writes the row and returns its end; null when a value is so large that JavaScript, where all
  // numbers are doubles, would spell it another way.
  char* write(const SessionRecord& record, char* out);

 private:
  char* value(const SessionRecord& record, RowValue value, char* out);

  const std::vector<RowPart> parts_;
  const std::string tail_;
  const std::string null_;
  const std::string run_prefix_;
  size_t row_bytes_max_;
  spelling::IsoTime time_;
};

}  // namespace tunmeter
