// Community ID v1 of a five-tuple (https://github.com/corelight/community-id-spec), seed 0. Equals
// src/session/community-id.ts.
#pragma once

#include <cstdint>
#include <span>

namespace tunmeter {

struct FiveTuple {
  uint8_t protocol;
  std::span<const uint8_t> source_ip;  // 4 or 16 bytes
  uint16_t source_port;
  std::span<const uint8_t> dest_ip;
  uint16_t dest_port;
};

inline constexpr int kCommunityIdBytes = 30;  // "1:" and 20 bytes of base64

// Writes kCommunityIdBytes and returns their end.
char* community_id(const FiveTuple& tuple, char* out);

// Four ids take little longer than one.
inline constexpr int kCommunityIdsAtOnce = 4;
using CommunityIdText = char[kCommunityIdBytes];
void community_ids(const FiveTuple* tuples, CommunityIdText* out);

}  // namespace tunmeter
