// Community ID v1 of a record (https://github.com/corelight/community-id-spec), seed 0; the same as
// src/session/community-id.ts makes.
#pragma once

#include "session_record.h"

namespace tunmeter {

inline constexpr int kCommunityIdBytes = 30;  // "1:" and 20 bytes of base64

// Writes kCommunityIdBytes and returns their end.
char* community_id(const SessionRecord& record, char* out);

}  // namespace tunmeter
