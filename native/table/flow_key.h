// The canonical five-tuple: both directions of a conversation have the same key.
//
// Endpoint a has the lower (address, port), b the higher. The sender's side is kept beside the key.
//
//   word 0        ports and protocol:  | port a 16 | port b 16 | protocol 8 | family 8 | zero 16 |
//   word 1        IPv4: address a (high half), address b (low half).  IPv6: address a, first half
//   words 2..4    IPv6: address a, second half; address b.            IPv4: zero
//
// Addresses and ports are in host order, so that comparing words compares addresses. Family is 4 or
// 6, so word 0 of a key is never 0; free slots of the flow table have 0 there.
#pragma once

#include <cstdint>

namespace tunmeter {

struct FlowKey {
  uint64_t words[5];

  uint8_t family() const { return static_cast<uint8_t>(words[0] >> 16); }
  uint8_t protocol() const { return static_cast<uint8_t>(words[0] >> 24); }
  uint16_t port_a() const { return static_cast<uint16_t>(words[0] >> 48); }
  uint16_t port_b() const { return static_cast<uint16_t>(words[0] >> 32); }
  bool equal_addresses() const {
    if (family() == 4) return (words[1] >> 32) == static_cast<uint32_t>(words[1]);
    return words[1] == words[3] && words[2] == words[4];
  }
};

inline bool equal_endpoints(const FlowKey& key) {
  return key.port_a() == key.port_b() && key.equal_addresses();
}

inline uint64_t key_word0(uint32_t port_a, uint32_t port_b, uint32_t protocol, uint32_t family) {
  return (static_cast<uint64_t>(port_a) << 48) | (static_cast<uint64_t>(port_b) << 32) |
         (protocol << 24) | (family << 16);
}

// make_key4() and make_key6() return true when the source is endpoint b.
inline bool make_key4(FlowKey& key, uint32_t source, uint32_t dest, uint32_t source_port,
                      uint32_t dest_port, uint32_t protocol) {
  const uint64_t from = (static_cast<uint64_t>(source) << 16) | source_port;
  const uint64_t to = (static_cast<uint64_t>(dest) << 16) | dest_port;
  const bool from_b = to < from;
  // Either end may send, so a branch would be mispredicted often.
  const uint64_t swap = (from ^ to) & (uint64_t{0} - from_b);
  const uint64_t a = from ^ swap;
  const uint64_t b = to ^ swap;
  key.words[0] = key_word0(a & 0xffff, b & 0xffff, protocol, 4);
  key.words[1] = ((a >> 16) << 32) | (b >> 16);
  key.words[2] = key.words[3] = key.words[4] = 0;
  return from_b;
}

inline bool make_key6(FlowKey& key, const uint64_t source[2], const uint64_t dest[2],
                      uint32_t source_port, uint32_t dest_port, uint32_t protocol) {
  bool from_b;
  if (source[0] != dest[0]) {
    from_b = dest[0] < source[0];
  } else if (source[1] != dest[1]) {
    from_b = dest[1] < source[1];
  } else {
    from_b = dest_port < source_port;
  }
  const uint64_t* a = from_b ? dest : source;
  const uint64_t* b = from_b ? source : dest;
  key.words[0] =
      key_word0(from_b ? dest_port : source_port, from_b ? source_port : dest_port, protocol, 6);
  key.words[1] = a[0];
  key.words[2] = a[1];
  key.words[3] = b[0];
  key.words[4] = b[1];
  return from_b;
}

// A keyed hash of the key: multilinear-HM of Lemire and Kaser, "Strongly universal string hashing
// is fast". With random 64-bit secrets the upper 32 bits are strongly universal: two keys chosen
// without the secrets agree in them with probability 2^-32, and in their first k bits with 2^-k.
struct HashKey {
  uint64_t secrets[13];
};

inline uint64_t hash_key(const HashKey& h, const FlowKey& key) {
  const uint64_t* s = h.secrets;
  const uint64_t* w = key.words;
  uint64_t sum = s[0] + (s[1] + (w[0] >> 32)) * (s[2] + static_cast<uint32_t>(w[0])) +
                 (s[3] + (w[1] >> 32)) * (s[4] + static_cast<uint32_t>(w[1]));
  if (key.family() == 6) {
    sum += (s[5] + (w[2] >> 32)) * (s[6] + static_cast<uint32_t>(w[2])) +
           (s[7] + (w[3] >> 32)) * (s[8] + static_cast<uint32_t>(w[3])) +
           (s[9] + (w[4] >> 32)) * (s[10] + static_cast<uint32_t>(w[4]));
  }
  return sum;
}

// The upper half, mixed. Mixing is a bijection, so it stays universal. Without it, consecutive
// addresses and ports stay consecutive, and one random secret in a hundred fills the index in long
// runs: 33 steps a search instead of 2.
inline uint32_t hash_tag(uint64_t hash) {
  const auto upper = static_cast<uint32_t>(hash >> 32);
  return (upper ^ upper >> 16) * 0x85eb'ca6bu;
}

}  // namespace tunmeter
