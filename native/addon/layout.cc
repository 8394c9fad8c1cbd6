#include "addon/layout.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine_counters.h"
#include "engine/session_record.h"

namespace tunmeter {
namespace {

using Words = std::vector<std::string>;

std::string field(const char* name, size_t offset, size_t bytes) {
  return std::string(name) + " at " + std::to_string(offset) + ", " + std::to_string(bytes) +
         " bytes";
}
// In the order of the record, so that an added field is found as well.
Words record() {
#define FIELD(name, member) \
  field(name, offsetof(SessionRecord, member), sizeof(SessionRecord::member)),
  return {TUNMETER_RECORD_FIELDS(FIELD) "end at " + std::to_string(sizeof(SessionRecord))};
}
#undef FIELD

// Special values.
Words marks() {
  return {"midstream is " + std::to_string(kFlagMidstream),
          "icmpError is " + std::to_string(kFlagIcmpError), "noRtt is " + std::to_string(kNoRtt)};
}

Words counters() {
  Words names;
  each_counter({}, [&names](std::string_view group, std::string_view name, auto) {
    names.push_back(std::string(group) + (group.empty() ? "" : ".") + std::string(name));
  });
  return names;
}

Napi::Array list(Napi::Env env, const Words& words) {
  auto array = Napi::Array::New(env, words.size());
  for (uint32_t i = 0; i < words.size(); i++) array.Set(i, words[i]);
  return array;
}

template <size_t kCount>
Words words_of(const std::string_view (&names)[kCount]) {
  return {std::begin(names), std::end(names)};
}

}  // namespace

Napi::Object layout_object(Napi::Env env) {
  Napi::Object layout = Napi::Object::New(env);
  layout.Set("record", list(env, record()));
  layout.Set("marks", list(env, marks()));
  layout.Set("endReason", list(env, words_of(kEndReasonNames)));
  layout.Set("connState", list(env, words_of(kConnStateNames)));
  layout.Set("directionBasis", list(env, words_of(kDirectionBasisNames)));
  layout.Set("counters", list(env, counters()));
  return layout;
}

}  // namespace tunmeter
