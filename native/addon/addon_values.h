// JavaScript values <-> engine values.
#pragma once

#include <napi.h>

#include "engine/engine.h"
#include "engine/observation_point.h"

namespace tunmeter {

EngineOptions engine_options(const Napi::Object& object);
SourceOptions source_options(const Napi::Object& object);
PrefixSet prefix_set(const Napi::Value& value);
Napi::Value counter_values(Napi::Env env, const EngineCounters& counters);
Napi::Object status_object(Napi::Env env, const PointStatus& status);

}  // namespace tunmeter
