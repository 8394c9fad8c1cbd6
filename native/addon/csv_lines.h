// CSV lines from columns in DuckDB's memory: about a million rows a second.
//
// A line is a list of cells. The caller (src/server/store/duckdb/export/csv.ts) makes the list from
// the one table of fields, which decides order and meaning. This file only formats cells. A test
// compares the result with JavaScript's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "addon/spelling.h"
#include "engine/community_id.h"

namespace tunmeter {

// The type of a value: BIGINT, USMALLINT, UTINYINT (also BOOLEAN and the codes of an ENUM),
// VARCHAR.
enum class CsvType : uint8_t { kInt64, kUint16, kUint8, kText };
inline constexpr const char* kCsvTypeNames[] = {"int64", "uint16", "uint8", "text"};
inline constexpr size_t kCsvTypeBytes[] = {8, 2, 1, 16};
inline constexpr int kCsvTypeCount = 4;

// A text in DuckDB's memory (duckdb_string_t of duckdb.h): up to 12 bytes in place, or the first 4
// bytes and a pointer to all of them. Only DuckDB can guarantee that length and pointer are right;
// csv-layout.ts checks the layout once.
struct DuckString {
  static constexpr uint32_t kInPlace = 12;

  uint32_t length;
  char head[4];
  union {
    char rest[8];
    const char* pointer;
  };
};
static_assert(sizeof(DuckString) == 16 && offsetof(DuckString, pointer) == 8, "as in duckdb.h");

// The values of one column. Its type is known beforehand.
struct CsvColumn {
  const uint8_t* values = nullptr;
  // One bit for each row: 1 for a value, 0 for a missing one. Null: every row has a value.
  const uint8_t* mask = nullptr;
};

enum class CsvKind : uint8_t {
  kConstant,
  kNumber,
  kWord,
  kText,
  kFlag,
  kSecond,
  kTime,
  kEndTime,
  kDuration,
  kEndpoint,
  kSessionId,
  kCommunityId,
  kName,
  kTextName,
  kCount,
};
struct CsvKindShape {
  const char* name;
  // The types of its columns: t is text, n any other type.
  const char* columns;
};
inline constexpr CsvKindShape kCsvKinds[] = {
    {"constant", ""},          // text
    {"number", "n"},           //
    {"word", "n"},             // words, by code
    {"text", "t"},             //
    {"flag", "n"},             // true, false
    {"second", "n"},           // from a time in us
    {"time", "n"},             // us since the epoch
    {"endTime", "nn"},         // start, duration
    {"duration", "nn"},        // us; a flag: when it is set, the cell is empty
    {"endpoint", "tn"},        // address, port; a port of 0 is left out
    {"sessionId", "tn"},       // run, sequence
    {"communityId", "ntntn"},  // protocol (words), source address and port, destination
    {"name", "n"},             // names, by id; empty without a name
    {"textName", "t"},         // names, by a text id
};
static_assert(std::size(kCsvKinds) == static_cast<size_t>(CsvKind::kCount));

// Lets a map of texts find a std::string_view without a copy.
struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

struct CsvCell {
  static constexpr int kColumnsMax = 5;

  CsvKind kind;
  uint16_t columns[kColumnsMax] = {};
  // Each of these texts is a cell as it is written.
  std::string text;
  std::vector<std::string> words;
  std::unordered_map<int64_t, std::string> names;
  std::unordered_map<std::string, std::string, TextHash, std::equal_to<>> text_names;
  // The ids of this row and the next ones.
  CommunityIdText community_ids[kCommunityIdsAtOnce] = {};
};

class CsvLines {
 public:
  // At least one cell; the types of each cell's columns must fit its kind (kCsvKinds).
  CsvLines(std::vector<CsvType> types, std::vector<CsvCell> cells);

  const std::vector<CsvType>& types() const { return types_; }
  // Makes the lines of `rows` rows of all columns. False when a code has no word.
  bool write(const std::vector<CsvColumn>& columns, size_t rows);
  // The lines of the latest write().
  std::string_view lines() const { return {bytes_.get(), static_cast<size_t>(at_ - bytes_.get())}; }

 private:
  bool cell(CsvCell& cell);
  bool has(uint16_t column) const;
  int64_t number(uint16_t column) const;
  std::string_view text(uint16_t column) const;

  void room(size_t bytes);
  void put(std::string_view cell);
  void put_text(std::string_view text);
  void put_number(int64_t value);
  void put_endpoint(std::string_view ip, int64_t port);
  void put_session_id(std::string_view run, int64_t sequence);
  bool put_community_id(CsvCell& cell);
  void make_community_ids(CsvCell& cell);
  void quote(size_t from);

  const std::vector<CsvType> types_;
  std::vector<CsvCell> cells_;
  // More than one line needs without its texts.
  const size_t row_bytes_;
  const CsvColumn* columns_ = nullptr;
  size_t rows_ = 0;
  size_t row_ = 0;
  spelling::IsoTime time_;
  std::unique_ptr<char[]> bytes_;
  size_t capacity_ = 0;
  char* at_ = nullptr;
};

}  // namespace tunmeter
