#include "addon/addon_rows.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "addon/session_rows.h"

namespace tunmeter {
namespace {

class SessionRowsWrap : public Napi::ObjectWrap<SessionRowsWrap> {
 public:
  static Napi::Function define(Napi::Env env) {
    auto names = Napi::Array::New(env);
    for (const char* name : kRowValueNames) names.Set(names.Length(), name);
    for (const auto& [name, member] : kRecordCounters) names.Set(names.Length(), name.data());
    return DefineClass(
        env, "SessionRows",
        {InstanceMethod<&SessionRowsWrap::write>("write"), StaticValue("values", names)});
  }

  // Arguments: texts before the values, names of the values, text at the end of a row, the text of
  // a missing value, run prefix.
  explicit SessionRowsWrap(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<SessionRowsWrap>(info) {
    const auto before = info[0].As<Napi::Array>();
    const auto values = info[1].As<Napi::Array>();
    std::vector<RowPart> parts;
    for (uint32_t i = 0; i < values.Length(); i++) {
      const std::string name = values.Get(i).ToString();
      parts.push_back(row_part(before.Get(i).ToString(), name));
    }
    rows_ = std::make_unique<SessionRows>(std::move(parts), info[2].ToString(), info[3].ToString(),
                                          info[4].ToString());
  }

 private:
  // Converts whole records to rows; null when SessionRows::write() refuses one of them.
  Napi::Value write(const Napi::CallbackInfo& info) {
    const auto bytes = info[0].As<Napi::Uint8Array>();
    const size_t count = bytes.ByteLength() / sizeof(SessionRecord);
    text_.resize(std::max(text_.size(), count * rows_->row_bytes_max()));
    char* end = text_.data();
    for (size_t i = 0; i < count; i++) {
      SessionRecord record;
      std::memcpy(&record, bytes.Data() + i * sizeof record, sizeof record);
      end = rows_->write(record, end);
      if (end == nullptr) return info.Env().Null();
    }
    return Napi::Buffer<char>::Copy(info.Env(), text_.data(),
                                    static_cast<size_t>(end - text_.data()));
  }

  std::unique_ptr<SessionRows> rows_;
  std::vector<char> text_;
};

}  // namespace

Napi::Function define_session_rows(Napi::Env env) { return SessionRowsWrap::define(env); }

}  // namespace tunmeter
