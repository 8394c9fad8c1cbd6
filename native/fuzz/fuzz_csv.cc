// Target over the server's CSV lines.
//
//   csv   | rows | cells | kind ... (so many) | values of column 0 | of column 1 | ...
//
// A value is one octet and what it stands for: its lowest bit says that there is none; of a number,
// 8 octets follow; of a text, its other bits are the length.
#include <algorithm>
#include <cstring>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "addon/csv_lines.h"
#include "fuzz_target.h"

namespace tunmeter::fuzz {

namespace {

constexpr size_t kRowsMax = 24;
constexpr size_t kCellsMax = 20;
// By column. A cell of text takes the texts, any other cell the numbers, in turns.
constexpr CsvType kTypes[] = {CsvType::kText,  CsvType::kInt64, CsvType::kUint16,
                              CsvType::kUint8, CsvType::kText,  CsvType::kInt64};
constexpr uint16_t kTexts[] = {0, 4};
constexpr uint16_t kNumbers[] = {3, 1, 2, 5};

class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), left_(size) {}
  uint8_t octet() { return left_ == 0 ? 0 : (left_--, *data_++); }
  std::string octets(size_t count) {
    std::string taken(std::min(count, left_), '\0');
    std::memcpy(taken.data(), data_, taken.size());
    data_ += taken.size();
    left_ -= taken.size();
    return taken;
  }

 private:
  const uint8_t* data_;
  size_t left_;
};

// Each in an allocation of its own size, so that the sanitizer sees the first octet beyond it.
struct Column {
  std::unique_ptr<uint8_t[]> values;
  std::unique_ptr<uint8_t[]> mask;
  std::vector<std::string> texts;
};

Column read_column(Input& input, CsvType type, size_t rows) {
  const size_t bytes = kCsvTypeBytes[static_cast<int>(type)];
  Column column{
      std::make_unique<uint8_t[]>(rows * bytes), std::make_unique<uint8_t[]>((rows + 7) / 8), {}};
  column.texts.resize(rows);
  for (size_t row = 0; row < rows; row++) {
    const uint8_t octet = input.octet();
    if ((octet & 1) == 0) column.mask[row / 8] |= static_cast<uint8_t>(1 << row % 8);
    uint8_t* const at = column.values.get() + row * bytes;
    if (type != CsvType::kText) {
      const std::string value = input.octets(bytes);
      std::memcpy(at, value.data(), value.size());
      continue;
    }
    std::string& text = column.texts[row] = input.octets(octet >> 1);
    DuckString in_memory{};
    in_memory.length = static_cast<uint32_t>(text.size());
    if (text.size() > DuckString::kInPlace) {
      in_memory.pointer = text.data();
      std::memcpy(at, &in_memory, sizeof in_memory);
    } else {
      std::memcpy(at, &in_memory, sizeof in_memory);
      std::memcpy(at + offsetof(DuckString, head), text.data(), text.size());
    }
  }
  return column;
}

CsvCell read_cell(Input& input, size_t& turn) {
  CsvCell cell{};
  cell.kind = static_cast<CsvKind>(input.octet() % static_cast<int>(CsvKind::kCount));
  cell.text = "constant";
  cell.words = {"tcp", "udp"};
  cell.names = {{0, "zero"}, {7, "\"seven, 7\""}};
  cell.text_names = {{"", "nobody"}, {"a", "\"an, a\""}};
  const char* const columns = kCsvKinds[static_cast<int>(cell.kind)].columns;
  for (size_t i = 0; columns[i] != '\0'; i++, turn++) {
    cell.columns[i] =
        columns[i] == 't' ? kTexts[turn % std::size(kTexts)] : kNumbers[turn % std::size(kNumbers)];
  }
  return cell;
}

// As a reader of RFC 4180 would.
std::vector<std::vector<std::string>> parse(std::string_view lines) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row(1);
  bool quoted = false;
  for (size_t i = 0; i < lines.size(); i++) {
    const char c = lines[i];
    if (c == '"' && quoted && i + 1 < lines.size() && lines[i + 1] == '"') {
      row.back() += '"';
      i++;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && c == ',') {
      row.emplace_back();
    } else if (!quoted && c == '\r') {
      FUZZ_REQUIRE(i + 1 < lines.size() && lines[i + 1] == '\n', "the end of a line");
      i++;
      rows.push_back(std::move(row));
      row.assign(1, {});
    } else {
      row.back() += c;
    }
  }
  FUZZ_REQUIRE(!quoted && row.size() == 1 && row[0].empty(), "the last line ends");
  return rows;
}

}  // namespace

// Whatever the database holds, each row is a line with all its cells, and a text comes back as it is.
void run_csv(const uint8_t* data, size_t size) {
  Input input(data, size);
  const size_t rows = input.octet() % (kRowsMax + 1);
  const size_t count = 1 + input.octet() % kCellsMax;
  std::vector<CsvCell> cells;
  size_t turn = 0;
  for (size_t i = 0; i < count; i++) cells.push_back(read_cell(input, turn));
  std::vector<Column> columns;
  std::vector<CsvColumn> in_memory;
  for (const CsvType type : kTypes) {
    columns.push_back(read_column(input, type, rows));
    in_memory.push_back({columns.back().values.get(), columns.back().mask.get()});
  }
  CsvLines lines({std::begin(kTypes), std::end(kTypes)}, cells);
  if (!lines.write(in_memory, rows)) return;
  const auto read = parse(lines.lines());
  FUZZ_REQUIRE(read.size() == rows, "rows");
  for (size_t row = 0; row < rows; row++) {
    FUZZ_REQUIRE(read[row].size() == count, "cells");
    for (size_t i = 0; i < count; i++) {
      if (cells[i].kind != CsvKind::kText) continue;
      const Column& column = columns[cells[i].columns[0]];
      const bool has = (column.mask[row / 8] >> (row % 8) & 1) != 0;
      FUZZ_REQUIRE(read[row][i] == (has ? column.texts[row] : ""), "a text");
    }
  }
}

}  // namespace tunmeter::fuzz
