// "1:" + base64(SHA-1(seed u16 | address | address | protocol u8 | 0 u8 | port u16 | port u16)),
// the lower endpoint first.
//
// This file has its own SHA-1, because the input is always one block, and because Node.js' OpenSSL
// cannot be linked with everywhere. Through JavaScript, a hash takes 2 us.
#include "engine/community_id.h"

#include <algorithm>
#include <cstring>

#include "decode/bytes.h"

namespace tunmeter {
namespace {

constexpr int kBlockWords = 16;
constexpr int kDigestWords = 5;

// One word of each of several blocks, for vector instructions.
typedef uint32_t WordOfEach __attribute__((vector_size(kCommunityIdsAtOnce * sizeof(uint32_t))));

template <typename Word>
Word rotl(Word word, int bits) {
  return (word << bits) | (word >> (32 - bits));
}

// RFC 3174 for one block that includes padding and length, or for as many blocks as Word holds.
template <typename Word>
void sha1_block(const Word* block, Word digest[kDigestWords]) {
  Word w[80];
  for (int t = 0; t < 16; t++) w[t] = block[t];
  for (int t = 16; t < 80; t++) w[t] = rotl(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
  constexpr uint32_t kStart[] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  Word a = Word{} + kStart[0];
  Word b = Word{} + kStart[1];
  Word c = Word{} + kStart[2];
  Word d = Word{} + kStart[3];
  Word e = Word{} + kStart[4];
  const auto step = [&](Word f, uint32_t k, Word word) {
    // This order keeps the dependency between steps short.
    const Word next = rotl(a, 5) + (f + (e + (word + k)));
    e = d;
    d = c;
    c = rotl(b, 30);
    b = a;
    a = next;
  };
  for (int t = 0; t < 20; t++) step((b & c) | (~b & d), 0x5a827999, w[t]);
  for (int t = 20; t < 40; t++) step(b ^ c ^ d, 0x6ed9eba1, w[t]);
  for (int t = 40; t < 60; t++) step((b & c) | (b & d) | (c & d), 0x8f1bbcdc, w[t]);
  for (int t = 60; t < 80; t++) step(b ^ c ^ d, 0xca62c1d6, w[t]);
  const Word end[] = {a, b, c, d, e};
  for (int i = 0; i < kDigestWords; i++) digest[i] = kStart[i] + end[i];
}

// 20 bytes give 27 characters and one of padding.
char* base64(const uint32_t digest[kDigestWords], char* out) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  uint8_t bytes[kDigestWords * 4 + 1] = {};
  for (int i = 0; i < kDigestWords * 4; i++) {
    bytes[i] = static_cast<uint8_t>(digest[i / 4] >> (24 - 8 * (i % 4)));
  }
  for (int i = 0; i < kDigestWords * 4 + 1; i += 3) {
    const uint32_t three = (bytes[i] << 16) | (bytes[i + 1] << 8) | bytes[i + 2];
    for (int shift = 18; shift >= 0; shift -= 6) *out++ = kAlphabet[(three >> shift) & 63];
  }
  out[-1] = '=';
  return out;
}

uint8_t* put_port(uint16_t port, uint8_t* out) {
  *out++ = static_cast<uint8_t>(port >> 8);
  *out++ = static_cast<uint8_t>(port);
  return out;
}

uint8_t* put_address(std::span<const uint8_t> ip, uint8_t* out) {
  return std::copy(ip.begin(), ip.end(), out);
}

// No packet has addresses of both families, but a made-up session may.
int compare(std::span<const uint8_t> a, std::span<const uint8_t> b) {
  const size_t both = std::min(a.size(), b.size());
  const int order = both == 0 ? 0 : std::memcmp(a.data(), b.data(), both);
  return order != 0 ? order : static_cast<int>(a.size()) - static_cast<int>(b.size());
}

void fill_block(const FiveTuple& t, uint32_t words[kBlockWords]) {
  const int order = compare(t.source_ip, t.dest_ip);
  const bool forward = order < 0 || (order == 0 && t.source_port <= t.dest_port);
  uint8_t block[kBlockWords * 4] = {};
  uint8_t* at = block + 2;  // seed 0
  at = put_address(forward ? t.source_ip : t.dest_ip, at);
  at = put_address(forward ? t.dest_ip : t.source_ip, at);
  *at = t.protocol;
  at = put_port(forward ? t.source_port : t.dest_port, at + 2);
  at = put_port(forward ? t.dest_port : t.source_port, at);
  const auto bits = static_cast<uint32_t>(8 * (at - block));
  *at = 0x80;
  for (int i = 0; i < kBlockWords; i++) words[i] = load_be32(block + 4 * i);
  words[kBlockWords - 1] = bits;
}

char* spell(const uint32_t digest[kDigestWords], char* out) {
  *out++ = '1';
  *out++ = ':';
  return base64(digest, out);
}

}  // namespace

char* community_id(const FiveTuple& tuple, char* out) {
  uint32_t block[kBlockWords];
  fill_block(tuple, block);
  uint32_t digest[kDigestWords];
  sha1_block(block, digest);
  return spell(digest, out);
}

void community_ids(const FiveTuple* tuples, CommunityIdText* out) {
  WordOfEach block[kBlockWords];
  for (int i = 0; i < kCommunityIdsAtOnce; i++) {
    uint32_t words[kBlockWords];
    fill_block(tuples[i], words);
    for (int w = 0; w < kBlockWords; w++) block[w][i] = words[w];
  }
  WordOfEach digests[kDigestWords];
  sha1_block(block, digests);
  for (int i = 0; i < kCommunityIdsAtOnce; i++) {
    uint32_t digest[kDigestWords];
    for (int w = 0; w < kDigestWords; w++) digest[w] = digests[w][i];
    spell(digest, out[i]);
  }
}

}  // namespace tunmeter
