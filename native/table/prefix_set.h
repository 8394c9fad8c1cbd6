// A set of IPv4 and IPv6 prefixes that tells whether an address is in it.
//
// Each family has sorted, disjoint ranges of 128-bit numbers; a look-up is a binary search. The set
// is built outside the packet path and then swapped in.
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

namespace tunmeter {

struct Address128 {
  uint64_t high;
  uint64_t low;  // an IPv4 address is here alone
  auto operator<=>(const Address128&) const = default;
};

class PrefixSet {
 public:
  static constexpr int kPackedBytes = 18;  // family, length, address 16 (IPv4 in the first four)

  // `packed` holds `count` prefixes. A length above the family's width means the width.
  void assign(const uint8_t* packed, uint32_t count);
  bool contains4(uint32_t address) const { return contains(ranges4_, {0, address}); }
  bool contains6(Address128 address) const { return contains(ranges6_, address); }
  bool empty() const { return ranges4_.empty() && ranges6_.empty(); }
  void swap(PrefixSet& other) {
    ranges4_.swap(other.ranges4_);
    ranges6_.swap(other.ranges6_);
  }

 private:
  struct Range {
    Address128 first;
    Address128 last;
  };
  static bool contains(const std::vector<Range>& ranges, Address128 address);
  static void merge(std::vector<Range>& ranges);

  std::vector<Range> ranges4_;
  std::vector<Range> ranges6_;
};

}  // namespace tunmeter
