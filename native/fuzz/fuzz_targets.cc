#include <cstring>

#include "fuzz_target.h"

namespace tunmeter::fuzz {

namespace {

constexpr Target kTargets[] = {
    {"packets", run_packets},   {"pcap", run_pcap}, {"pcapng", run_pcapng}, {"gzip", run_gzip},
    {"prefixes", run_prefixes}, {"rows", run_rows}, {"queue", run_queue},   {"csv", run_csv},
};

}  // namespace

const Target* find_target(const char* name) {
  for (const Target& target : kTargets) {
    if (name != nullptr && strcmp(target.name, name) == 0) return &target;
  }
  fprintf(stderr, "no such fuzz target: %s; there are:", name == nullptr ? "(none)" : name);
  for (const Target& target : kTargets) fprintf(stderr, " %s", target.name);
  fprintf(stderr, "\n");
  return nullptr;
}

}  // namespace tunmeter::fuzz
