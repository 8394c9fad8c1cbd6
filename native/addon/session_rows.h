// Session records as text rows: about a million rows a second.
//
// A row is a list of parts: a constant text, then a value of the record. The caller
// (src/meter/output/record-rows.ts) makes the list from the one table of fields, which decides
// names, order and punctuation. This file only formats values. A test compares the result with
// JavaScript's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "addon/spelling.h"
#include "engine/session_record.h"

namespace tunmeter {

// The values of a row that are not in kRecordCounters.
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
  RowValue value;                    // kCount for a counter
  uint64_t SessionRecord::*counter;  // null for another value
};
// The part for a value's name: one of kRowValueNames or of kRecordCounters.
RowPart row_part(std::string before, std::string_view name);

class SessionRows {
 public:
  // `null`: the text of a missing value. `run_prefix`: the first part of session ids.
  SessionRows(std::vector<RowPart> parts, std::string tail, std::string null,
              std::string run_prefix);

  // The length of the longest possible row.
  size_t row_bytes_max() const { return row_bytes_max_; }
  // Writes the row and returns its end. Null when a value is so large that JavaScript, whose
  // numbers are doubles, would format it differently.
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
