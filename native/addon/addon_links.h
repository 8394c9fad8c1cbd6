// The kernel's network interfaces for JavaScript; see src/meter/capture/links.ts.
#pragma once

#include <napi.h>

namespace tunmeter {

void define_links(Napi::Env env, Napi::Object exports);

}  // namespace tunmeter
