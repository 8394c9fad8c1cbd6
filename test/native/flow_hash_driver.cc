// How long the runs are that keys in a row make in an index of linear probing: the mean steps to a free place, the largest
// of some random hash keys.
//
//   flow_hash_driver SEED   ->   MEAN_STEPS_MAX
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "table/flow_key.h"

namespace {

constexpr uint32_t kEntries = 131'072;
constexpr uint32_t kFlows = 100'000;
constexpr int kHashKeys = 100;

// Clients and their ports count up, 16 flows a client, as a site's addresses and a scan do.
tunmeter::FlowKey key_of(uint32_t flow) {
  tunmeter::FlowKey key{};
  const uint32_t client = 0x0a000000 + (flow >> 4);
  const uint32_t server = 0xac100000 + (flow & 0xfff);
  const auto port = static_cast<uint16_t>(20'000 + (flow & 15) * 2'000 + flow % 1'999);
  key.words[0] = tunmeter::key_word0(port, 443, 6, 4);
  key.words[1] = uint64_t{client} << 32 | server;
  return key;
}

double mean_steps(const tunmeter::HashKey& hash_key) {
  std::vector<bool> used(kEntries);
  uint64_t steps = 0;
  for (uint32_t flow = 0; flow < kFlows; flow++) {
    const uint32_t tag = tunmeter::hash_tag(tunmeter::hash_key(hash_key, key_of(flow)));
    auto at = static_cast<uint32_t>((uint64_t{tag} * kEntries) >> 32);
    for (; used[at]; at = (at + 1) % kEntries) steps++;
    used[at] = true;
  }
  return static_cast<double>(steps) / kFlows;
}

}  // namespace

int main(int argc, char** argv) {
  std::mt19937_64 random(argc > 1 ? strtoull(argv[1], nullptr, 10) : 1);
  double most = 0;
  for (int i = 0; i < kHashKeys; i++) {
    tunmeter::HashKey hash_key;
    for (uint64_t& secret : hash_key.secrets) secret = random();
    most = std::max(most, mean_steps(hash_key));
  }
  printf("%f\n", most);
  return 0;
}
