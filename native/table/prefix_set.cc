#include "table/prefix_set.h"

#include <algorithm>
#include <iterator>

#include "decode/bytes.h"

namespace tunmeter {
namespace {

// 128 bits with the lower `bits` set.
Address128 host_mask(int bits) {
  const auto ones = [](int n) -> uint64_t {
    return n <= 0 ? 0 : n >= 64 ? ~uint64_t{0} : (uint64_t{1} << n) - 1;
  };
  return {ones(bits - 64), ones(bits)};
}

}  // namespace

void PrefixSet::assign(const uint8_t* packed, uint32_t count) {
  ranges4_.clear();
  ranges6_.clear();
  for (uint32_t i = 0; i < count; i++) {
    const uint8_t* p = packed + size_t{i} * kPackedBytes;
    const bool v4 = p[0] == 4;
    const int width = v4 ? 32 : 128;
    const Address128 mask = host_mask(width - std::min<int>(p[1], width));
    const Address128 address =
        v4 ? Address128{0, load_be32(p + 2)} : Address128{load_be64(p + 2), load_be64(p + 10)};
    const Address128 first = {address.high & ~mask.high, address.low & ~mask.low};
    const Address128 last = {address.high | mask.high, address.low | mask.low};
    (v4 ? ranges4_ : ranges6_).push_back({first, last});
  }
  merge(ranges4_);
  merge(ranges6_);
}

void PrefixSet::merge(std::vector<Range>& ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.first < b.first; });
  size_t kept = 0;
  for (const Range& range : ranges) {
    if (kept > 0 && range.first <= ranges[kept - 1].last) {
      ranges[kept - 1].last = std::max(ranges[kept - 1].last, range.last);
    } else {
      ranges[kept++] = range;
    }
  }
  ranges.resize(kept);
}

bool PrefixSet::contains(const std::vector<Range>& ranges, Address128 address) {
  const auto after = std::upper_bound(
      ranges.begin(), ranges.end(), address,
      [](const Address128& value, const Range& range) { return value < range.first; });
  return after != ranges.begin() && address <= std::prev(after)->last;
}

}  // namespace tunmeter
