// The layout that C++ and TypeScript must agree on, as compiled.
#pragma once

#include <napi.h>

namespace tunmeter {

// Lists of words by topic. The TypeScript side has the same lists and compares them when it loads
// the addon (src/meter/capture/layout.ts).
Napi::Object layout_object(Napi::Env env);

}  // namespace tunmeter
