// Runs one target over files, without libFuzzer, so that any compiler can replay a finding.
//
//   fuzz_replay TARGET FILE...
#include <cstdio>
#include <string>
#include <vector>

#include "fuzz_target.h"

int main(int argc, char** argv) {
  const auto* target = tunmeter::fuzz::find_target(argc > 1 ? argv[1] : nullptr);
  if (target == nullptr) return 2;
  for (int i = 2; i < argc; ++i) {
    FILE* const file = fopen(argv[i], "rb");
    if (file == nullptr) {
      perror(argv[i]);
      return 2;
    }
    std::vector<uint8_t> bytes;
    uint8_t chunk[65'536];
    for (size_t count; (count = fread(chunk, 1, sizeof chunk, file)) > 0;) {
      bytes.insert(bytes.end(), chunk, chunk + count);
    }
    fclose(file);
    printf("%s %zu bytes\n", argv[i], bytes.size());
    fflush(stdout);
    target->run(bytes.data(), bytes.size());
  }
  return 0;
}
