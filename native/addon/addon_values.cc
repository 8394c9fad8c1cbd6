#include "addon/addon_values.h"

#include <algorithm>
#include <cstdlib>
#include <string>

namespace tunmeter {
namespace {

double number(const Napi::Object& object, const char* name) {
  return object.Get(name).ToNumber().DoubleValue();
}

std::string text(const Napi::Object& object, const char* name) {
  return object.Get(name).ToString().Utf8Value();
}

const char* state_name(PointState state) {
  switch (state) {
    case PointState::kRunning:
      return "running";
    case PointState::kGone:
      return "gone";
    case PointState::kEnded:
      return "ended";
    case PointState::kDamaged:
      return "damaged";
    case PointState::kFailed:
      return "failed";
  }
  return "failed";
}

Napi::Object error_object(Napi::Env env, const SourceError& error, uint32_t file) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("code", error.code);
  object.Set("message", error.message);
  object.Set("byteOffset", static_cast<double>(error.byte_offset));
  object.Set("file", file);
  return object;
}

}  // namespace

EngineOptions engine_options(const Napi::Object& object) {
  EngineOptions options;
  const auto us = [&object](const char* name) {
    return static_cast<int64_t>(number(object, name));
  };
  options.handshake_us = us("handshakeUs");
  options.established_us = us("establishedUs");
  options.half_closed_us = us("halfClosedUs");
  options.udp_us = us("udpUs");
  options.linger_us = us("lingerUs");
  options.active_timeout_us = us("activeTimeoutUs");
  options.flows_max = static_cast<uint32_t>(number(object, "flowsMax"));
  options.fragments_max = static_cast<uint32_t>(number(object, "fragmentsMax"));
  options.early_report = object.Get("earlyReport").ToBoolean();
  return options;
}

SourceOptions source_options(const Napi::Object& object) {
  SourceOptions options;
  options.live = text(object, "kind") == "live";
  options.read_ahead = object.Get("readAhead").ToBoolean();
  const auto paths = object.Get("paths").As<Napi::Array>();
  for (uint32_t i = 0; i < paths.Length(); i++) {
    options.paths.push_back(paths.Get(i).ToString().Utf8Value());
  }
  options.interface.interface = text(object, "interface");
  options.interface.filter = text(object, "filter");
  const double snaplen = number(object, "snaplen");
  if (snaplen > 0) options.interface.snaplen = static_cast<uint32_t>(snaplen);
  const double ring_bytes = number(object, "ringBytes");
  if (ring_bytes > 0) options.interface.ring_bytes = static_cast<uint64_t>(ring_bytes);
  return options;
}

PrefixSet prefix_set(const Napi::Value& value) {
  PrefixSet set;
  const auto packed = value.As<Napi::Uint8Array>();
  set.assign(packed.Data(), static_cast<uint32_t>(packed.ByteLength() / PrefixSet::kPackedBytes));
  return set;
}

Napi::Value counter_values(Napi::Env env, const EngineCounters& counters) {
  double all[kCounterValues];
  if (engine_counter_values(counters, all) != all + kCounterValues) std::abort();
  auto values = Napi::Float64Array::New(env, kCounterValues);
  std::copy_n(all, kCounterValues, values.Data());
  return values;
}

Napi::Object status_object(Napi::Env env, const PointStatus& status) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("state", state_name(status.state));
  object.Set("ended", status.ended);
  auto errors = Napi::Array::New(env, status.errors.size());
  for (uint32_t i = 0; i < status.errors.size(); i++) {
    errors.Set(i, error_object(env, status.errors[i].error, status.errors[i].file));
  }
  object.Set("errors", errors);
  const bool gone = status.state == PointState::kGone;
  object.Set("oldestEpoch", status.oldest_epoch);
  object.Set("gone", gone ? Napi::Value(error_object(env, status.gone, 0)) : env.Null());
  const auto set = [&object](const char* name, uint64_t value) {
    object.Set(name, static_cast<double>(value));
  };
  set("filesOverlapping", status.files_overlapping);
  set("bytesRead", status.source.bytes_read);
  set("bytesTotal", status.source.bytes_total);
  set("kernelReceived", status.source.kernel_received);
  set("kernelDropped", status.source.kernel_dropped);
  set("interfaceDropped", status.source.interface_dropped);
  set("reopened", status.source.reopened);
  object.Set("counters", counter_values(env, status.counters));
  return object;
}

}  // namespace tunmeter
