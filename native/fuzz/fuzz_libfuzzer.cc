// The entry points of libFuzzer. TUNMETER_FUZZ_TARGET names the target.
#include <cstdlib>

#include "fuzz_target.h"

namespace {

const tunmeter::fuzz::Target* chosen;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  chosen = tunmeter::fuzz::find_target(getenv("TUNMETER_FUZZ_TARGET"));
  if (chosen == nullptr) exit(2);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  chosen->run(data, size);
  return 0;
}
