#include "addon/csv_lines.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/community_id.h"

namespace tunmeter {
namespace {

constexpr size_t kBytesFirst = size_t{1} << 20;
// The longest cell except texts is a community id, with its comma.
constexpr size_t kCellBytesMax = kCommunityIdBytes + 1;
constexpr std::string_view kLineEnd = "\r\n";

// No early exit, so that the compiler makes vector instructions of it.
bool needs_quotes(std::string_view text) {
  unsigned found = 0;
  for (const char c : text) {
    found |= static_cast<unsigned>((c == '"') | (c == ',') | (c == '\r') | (c == '\n'));
  }
  return found != 0;
}

// Without undefined behaviour on overflow, because the database may hold any number.
int64_t sum(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

// An address as 4 or 16 bytes in network order; no bytes for a text that is no address.
class Address {
 public:
  void read(std::string_view text) {
    char terminated[INET6_ADDRSTRLEN] = {};
    // A zone is not part of the address.
    text = text.substr(0, text.find('%'));
    if (text.size() >= sizeof terminated) return;
    std::memcpy(terminated, text.data(), text.size());
    const bool v6 = text.find(':') != text.npos;
    if (inet_pton(v6 ? AF_INET6 : AF_INET, terminated, bytes_) == 1) count_ = v6 ? 16 : 4;
  }

  std::span<const uint8_t> bytes() const { return {bytes_, count_}; }

 private:
  uint8_t bytes_[16];
  size_t count_ = 0;
};

}  // namespace

CsvLines::CsvLines(std::vector<CsvType> types, std::vector<CsvCell> cells)
    : types_(std::move(types)),
      cells_(std::move(cells)),
      row_bytes_(cells_.size() * kCellBytesMax + kLineEnd.size()),
      bytes_(new char[kBytesFirst]),
      capacity_(kBytesFirst),
      at_(bytes_.get()) {}

bool CsvLines::write(const std::vector<CsvColumn>& columns, size_t rows) {
  columns_ = columns.data();
  rows_ = rows;
  at_ = bytes_.get();
  for (row_ = 0; row_ < rows; row_++) {
    room(0);
    for (CsvCell& each : cells_) {
      if (!cell(each)) return false;
      *at_++ = ',';
    }
    // Replaces the last comma.
    at_ = spelling::text(kLineEnd, at_ - 1);
  }
  return true;
}

inline bool CsvLines::has(uint16_t column) const {
  const uint8_t* const mask = columns_[column].mask;
  return mask == nullptr || (mask[row_ / 8] >> (row_ % 8) & 1) != 0;
}

// 0 for a missing value.
inline int64_t CsvLines::number(uint16_t column) const {
  if (!has(column)) return 0;
  const uint8_t* const values = columns_[column].values;
  switch (types_[column]) {
    case CsvType::kInt64: {
      int64_t value;
      std::memcpy(&value, values + row_ * sizeof value, sizeof value);
      return value;
    }
    case CsvType::kUint16: {
      uint16_t value;
      std::memcpy(&value, values + row_ * sizeof value, sizeof value);
      return value;
    }
    default:
      return values[row_];
  }
}

// Empty for a missing value. Valid as long as the column.
inline std::string_view CsvLines::text(uint16_t column) const {
  if (!has(column)) return "";
  const uint8_t* const at = columns_[column].values + row_ * sizeof(DuckString);
  DuckString value;
  std::memcpy(&value, at, sizeof value);
  if (value.length > DuckString::kInPlace) return {value.pointer, value.length};
  return {reinterpret_cast<const char*>(at) + offsetof(DuckString, head), value.length};
}

bool CsvLines::cell(CsvCell& cell) {
  const uint16_t* const c = cell.columns;
  switch (cell.kind) {
    case CsvKind::kConstant:
      put(cell.text);
      return true;
    case CsvKind::kNumber:
      if (has(c[0])) put_number(number(c[0]));
      return true;
    case CsvKind::kWord: {
      if (!has(c[0])) return true;
      const auto code = static_cast<uint64_t>(number(c[0]));
      if (code >= cell.words.size()) return false;
      put(cell.words[code]);
      return true;
    }
    case CsvKind::kText:
      if (has(c[0])) put_text(text(c[0]));
      return true;
    case CsvKind::kFlag:
      if (has(c[0])) at_ = spelling::text(number(c[0]) != 0 ? "true" : "false", at_);
      return true;
    case CsvKind::kSecond:
      put_number(number(c[0]) / 1'000'000);
      return true;
    case CsvKind::kTime:
      at_ = time_.write(number(c[0]), at_);
      return true;
    case CsvKind::kEndTime:
      at_ = time_.write(sum(number(c[0]), number(c[1])), at_);
      return true;
    case CsvKind::kDuration:
      // Rounds halves up, as Math.round() of the same quotient; above 2^43 both are inexact alike.
      if (number(c[1]) == 0) {
        const double ms = std::floor(static_cast<double>(number(c[0])) / 1e3 + 0.5);
        at_ = spelling::thousandths(static_cast<uint64_t>(static_cast<int64_t>(ms)), at_);
      }
      return true;
    case CsvKind::kEndpoint:
      put_endpoint(text(c[0]), number(c[1]));
      return true;
    case CsvKind::kSessionId:
      put_session_id(text(c[0]), number(c[1]));
      return true;
    case CsvKind::kCommunityId:
      return put_community_id(cell);
    case CsvKind::kName: {
      if (!has(c[0])) return true;
      const auto found = cell.names.find(number(c[0]));
      if (found != cell.names.end()) put(found->second);
      return true;
    }
    case CsvKind::kTextName: {
      if (!has(c[0])) return true;
      const auto found = cell.text_names.find(text(c[0]));
      if (found != cell.text_names.end()) put(found->second);
      return true;
    }
    case CsvKind::kCount:
      break;
  }
  return false;
}

// Makes room for `bytes` of text and for the other cells of a line.
void CsvLines::room(size_t bytes) {
  const auto used = static_cast<size_t>(at_ - bytes_.get());
  if (used + bytes + row_bytes_ <= capacity_) return;
  capacity_ = std::max(2 * capacity_, used + bytes + row_bytes_);
  std::unique_ptr<char[]> larger(new char[capacity_]);
  std::memcpy(larger.get(), bytes_.get(), used);
  bytes_ = std::move(larger);
  at_ = bytes_.get() + used;
}

void CsvLines::put(std::string_view cell) {
  room(cell.size());
  at_ = spelling::text(cell, at_);
}

// Equals csvCell() of src/session/csv.ts.
void CsvLines::put_text(std::string_view text) {
  if (text.empty()) {
    at_ = spelling::text("\"\"", at_);
    return;
  }
  // Every character may be a quote, and two more enclose the text.
  room(2 * text.size() + 2);
  const bool quoted = needs_quotes(text);
  if (quoted) *at_++ = '"';
  if (!quoted) {
    at_ = spelling::text(text, at_);
    return;
  }
  for (const char c : text) {
    if (c == '"') *at_++ = '"';
    *at_++ = c;
  }
  *at_++ = '"';
}

void CsvLines::put_number(int64_t value) { at_ = std::to_chars(at_, at_ + 20, value).ptr; }

void CsvLines::put_endpoint(std::string_view ip, int64_t port) {
  // Consolidated access logs have no source port.
  if (port == 0) return put_text(ip);
  room(ip.size());
  const auto from = static_cast<size_t>(at_ - bytes_.get());
  if (ip.find(':') != ip.npos) {
    *at_++ = '[';
    at_ = spelling::text(ip, at_);
    *at_++ = ']';
  } else {
    at_ = spelling::text(ip, at_);
  }
  *at_++ = ':';
  put_number(port);
  quote(from);
}

void CsvLines::put_session_id(std::string_view run, int64_t sequence) {
  room(run.size());
  const auto from = static_cast<size_t>(at_ - bytes_.get());
  at_ = spelling::sequence(static_cast<uint64_t>(sequence), spelling::text(run, at_));
  quote(from);
}

// Quotes the text written since `from` if it needs that; only made-up sessions do.
void CsvLines::quote(size_t from) {
  const std::string_view text(bytes_.get() + from, static_cast<size_t>(at_ - bytes_.get()) - from);
  if (!needs_quotes(text)) return;
  const std::string copy(text);
  at_ = bytes_.get() + from;
  put_text(copy);
}

bool CsvLines::put_community_id(CsvCell& cell) {
  const uint16_t* const c = cell.columns;
  if (static_cast<uint64_t>(number(c[0])) >= cell.words.size()) return false;
  if (row_ % kCommunityIdsAtOnce == 0) make_community_ids(cell);
  if (number(c[2]) == 0 || number(c[4]) == 0) return true;
  at_ = spelling::text({cell.community_ids[row_ % kCommunityIdsAtOnce], kCommunityIdBytes}, at_);
  return true;
}

// Makes the ids of this row and the next ones. A row without ports gets one as well, which is not
// used.
void CsvLines::make_community_ids(CsvCell& cell) {
  const uint16_t* const c = cell.columns;
  const size_t first = row_;
  Address sources[kCommunityIdsAtOnce];
  Address dests[kCommunityIdsAtOnce];
  FiveTuple tuples[kCommunityIdsAtOnce] = {};
  for (size_t i = 0; i < kCommunityIdsAtOnce && row_ < rows_; i++, row_++) {
    const auto code = static_cast<uint64_t>(number(c[0]));
    const bool tcp = code < cell.words.size() && cell.words[code] == "tcp";
    sources[i].read(text(c[1]));
    dests[i].read(text(c[3]));
    tuples[i] = {static_cast<uint8_t>(tcp ? 6 : 17), sources[i].bytes(),
                 static_cast<uint16_t>(number(c[2])), dests[i].bytes(),
                 static_cast<uint16_t>(number(c[4]))};
  }
  row_ = first;
  community_ids(tuples, cell.community_ids);
}

}  // namespace tunmeter
