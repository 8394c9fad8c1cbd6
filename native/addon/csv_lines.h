// Lines of CSV from columns as they lie in DuckDB's memory: what writes a million rows a second.
//
// A line is a list of cells. The caller (src/server/store/duckdb/export/csv.ts) makes the list from the one
// table of fields, so order and meaning are decided there; here is only how a cell is spelled,
// which a test compares with what JavaScript writes of the same rows.
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

// What a value takes: BIGINT, USMALLINT, UTINYINT (also BOOLEAN and the codes of an ENUM), VARCHAR.
enum class CsvType : uint8_t { kInt64, kUint16, kUint8, kText };
inline constexpr const char* kCsvTypeNames[] = {"int64", "uint16", "uint8", "text"};
inline constexpr size_t kCsvTypeBytes[] = {8, 2, 1, 16};
inline constexpr int kCsvTypeCount = 4;

// A text in DuckDB's memory (duckdb_string_t of duckdb.h): up to 12 bytes in place, or 4 of them
// and where all are. It is as long as it says, and the pointer leads to so many bytes, or we read
// what is not ours: that only DuckDB can promise. csv-layout.ts checks once that it does.
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

// Values of one column, of a type that is known beforehand.
struct CsvColumn {
  const uint8_t* values = nullptr;
  // A bit for each row, 1 where there is a value; null: everywhere.
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
  // Its columns: t is a text, n any other.
  const char* columns;
};
inline constexpr CsvKindShape kCsvKinds[] = {
    {"constant", ""},          // text
    {"number", "n"},           //
    {"word", "n"},             // words: by the code
    {"text", "t"},             //
    {"flag", "n"},             // true, false
    {"second", "n"},           // of a time in us
    {"time", "n"},             // us since the epoch
    {"endTime", "nn"},         // start, duration
    {"duration", "nn"},        // us; a flag: none while it is set
    {"endpoint", "tn"},        // address, port; without the port when that is 0
    {"sessionId", "tn"},       // run, sequence
    {"communityId", "ntntn"},  // protocol (words), source address and port, destination
    {"name", "n"},             // names: by the id; empty when there is none
    {"textName", "t"},         // the same
};
static_assert(std::size(kCsvKinds) == static_cast<size_t>(CsvKind::kCount));

// Lets a map of texts be asked for a view of one.
struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

struct CsvCell {
  static constexpr int kColumnsMax = 5;

  CsvKind kind;
  uint16_t columns[kColumnsMax] = {};
  // All of these are cells as they are written.
  std::string text;
  std::vector<std::string> words;
  std::unordered_map<int64_t, std::string> names;
  std::unordered_map<std::string, std::string, TextHash, std::equal_to<>> text_names;
  // Of this row and the next ones.
  CommunityIdText community_ids[kCommunityIdsAtOnce] = {};
};

class CsvLines {
 public:
  // At least one cell; each one's columns are of its kind's types (kCsvKinds).
  CsvLines(std::vector<CsvType> types, std::vector<CsvCell> cells);

  const std::vector<CsvType>& types() const { return types_; }
  // Makes the lines of so many rows of all columns. False: a code has no word.
  bool write(const std::vector<CsvColumn>& columns, size_t rows);
  // Of the latest write().
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
  // More than all cells of a line take, less their texts.
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
