// CsvLines for JavaScript (src/server/store/duckdb/export/csv-addon.ts). An addon of its own,
// because the server must run on machines without libpcap.
#include <napi.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "addon/csv_lines.h"

namespace tunmeter {
namespace {

template <typename Names>
int index_of(const Names& names, const std::string& wanted) {
  const auto found = std::find(std::begin(names), std::end(names), wanted);
  return found == std::end(names) ? -1 : static_cast<int>(found - std::begin(names));
}

// Empty for a value that is no text.
std::string text_of(const Napi::Value& value) {
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}

std::vector<std::string> texts(const Napi::Value& value) {
  std::vector<std::string> found;
  if (!value.IsArray()) return found;
  const auto list = value.As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); i++) found.push_back(text_of(list.Get(i)));
  return found;
}

// Reads { kind, columns, text?, words?, ids?, names? }. Nothing when the columns do not fit the
// kind.
std::optional<CsvCell> cell_of(const Napi::Object& object, const std::vector<CsvType>& types) {
  const auto* const named = std::find_if(
      std::begin(kCsvKinds), std::end(kCsvKinds),
      [&](const CsvKindShape& shape) { return shape.name == text_of(object.Get("kind")); });
  if (named == std::end(kCsvKinds) || !object.Get("columns").IsArray()) return std::nullopt;
  CsvCell cell = {};
  cell.kind = static_cast<CsvKind>(named - kCsvKinds);
  const auto columns = object.Get("columns").As<Napi::Array>();
  const std::string_view wanted = named->columns;
  if (columns.Length() != wanted.size()) return std::nullopt;
  for (uint32_t i = 0; i < wanted.size(); i++) {
    const Napi::Value number = columns.Get(i);
    if (!number.IsNumber()) return std::nullopt;
    const uint32_t column = number.As<Napi::Number>();
    if (column >= types.size()) return std::nullopt;
    if ((types[column] == CsvType::kText) != (wanted[i] == 't')) return std::nullopt;
    cell.columns[i] = static_cast<uint16_t>(column);
  }
  cell.text = text_of(object.Get("text"));
  cell.words = texts(object.Get("words"));
  const std::vector<std::string> names = texts(object.Get("names"));
  if (!object.Get("ids").IsArray()) return cell;
  const auto ids = object.Get("ids").As<Napi::Array>();
  for (uint32_t i = 0; i < std::min<size_t>(ids.Length(), names.size()); i++) {
    const Napi::Value id = ids.Get(i);
    if (cell.kind == CsvKind::kTextName)
      cell.text_names.emplace(text_of(id), names[i]);
    else if (id.IsNumber())
      cell.names.emplace(id.As<Napi::Number>().Int64Value(), names[i]);
  }
  return cell;
}

// The view's bytes; null when it has fewer than `bytes`.
const uint8_t* bytes_of(const Napi::Value& value, size_t bytes) {
  if (value.IsDataView()) {
    const auto view = value.As<Napi::DataView>();
    if (view.ByteLength() < bytes) return nullptr;
    return static_cast<const uint8_t*>(view.ArrayBuffer().Data()) + view.ByteOffset();
  }
  if (!value.IsTypedArray()) return nullptr;
  const auto array = value.As<Napi::TypedArray>();
  if (array.ByteLength() < bytes) return nullptr;
  return static_cast<const uint8_t*>(array.ArrayBuffer().Data()) + array.ByteOffset();
}

[[noreturn]] void fail(Napi::Env env, const std::string& message) {
  throw Napi::TypeError::New(env, message);
}

// Arguments: names of the columns' types, cells.
std::unique_ptr<CsvLines> lines_of(const Napi::CallbackInfo& info) {
  std::vector<CsvType> types;
  for (const std::string& name : texts(info[0])) {
    const int type = index_of(kCsvTypeNames, name);
    if (type == -1) fail(info.Env(), "no such type: " + name);
    types.push_back(static_cast<CsvType>(type));
  }
  const auto list = info[1].IsArray() ? info[1].As<Napi::Array>() : Napi::Array::New(info.Env());
  std::vector<CsvCell> cells;
  for (uint32_t i = 0; i < list.Length(); i++) {
    std::optional<CsvCell> cell;
    if (list.Get(i).IsObject()) cell = cell_of(list.Get(i).As<Napi::Object>(), types);
    if (!cell) fail(info.Env(), "cell " + std::to_string(i) + " has no such kind or columns");
    cells.push_back(std::move(*cell));
  }
  if (cells.empty()) fail(info.Env(), "no cells");
  return std::make_unique<CsvLines>(std::move(types), std::move(cells));
}

class CsvLinesWrap : public Napi::ObjectWrap<CsvLinesWrap> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "CsvLines", {InstanceMethod<&CsvLinesWrap::write>("write")});
  }

  explicit CsvLinesWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<CsvLinesWrap>(info) {
    lines_ = lines_of(info);
    columns_.resize(lines_->types().size());
  }

 private:
  // Arguments: number of rows, views of the columns' values, views of their masks or null. Returns
  // a copy of the lines. Every view must have room for the rows, and its bytes must not move until
  // this returns.
  Napi::Value write(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!info[0].IsNumber() || !info[1].IsArray() || !info[2].IsArray()) {
      fail(env, "a number and two arrays are needed");
    }
    const uint32_t rows = info[0].ToNumber();
    const auto values = info[1].As<Napi::Array>();
    const auto masks = info[2].As<Napi::Array>();
    for (uint32_t i = 0; i < columns_.size(); i++) {
      const auto type = static_cast<size_t>(lines_->types()[i]);
      const Napi::Value mask = masks.Get(i);
      columns_[i].values = bytes_of(values.Get(i), rows * kCsvTypeBytes[type]);
      columns_[i].mask = mask.IsNull() ? nullptr : bytes_of(mask, (size_t{rows} + 7) / 8);
      if (columns_[i].values == nullptr || (columns_[i].mask == nullptr && !mask.IsNull())) {
        fail(env, "column " + std::to_string(i) + " is not of " + std::to_string(rows) + " rows");
      }
    }
    if (!lines_->write(columns_, rows)) fail(env, "a code has no word");
    const std::string_view lines = lines_->lines();
    return Napi::Buffer<char>::Copy(env, lines.data(), lines.size());
  }

  std::unique_ptr<CsvLines> lines_;
  std::vector<CsvColumn> columns_;
};

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("CsvLines", CsvLinesWrap::define(env));
  return exports;
}

NODE_API_MODULE(tunmeter_csv, init)

}  // namespace
}  // namespace tunmeter
