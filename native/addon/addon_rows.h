// SessionRows for JavaScript; see src/meter/output/record-rows.ts.
#pragma once

#include <napi.h>

namespace tunmeter {

Napi::Function define_session_rows(Napi::Env env);

}  // namespace tunmeter
