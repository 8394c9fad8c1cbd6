// Targets over what stands beside the packet path.
//
//   prefixes  | address 16 | prefix 18 | prefix 18 | ...   each packed as the addon gets it
//   rows      | parts | value ... (so many) | record | record | ...
//   queue     | chunks | what | what | ...   below 192: so many records; below 224: flush; else drain
#include <algorithm>
#include <cstring>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "addon/session_rows.h"
#include "decode/bytes.h"
#include "engine/record_queue.h"
#include "fuzz_target.h"
#include "table/prefix_set.h"

namespace tunmeter::fuzz {

namespace {

// Bit by bit, as a reader of RFC 4632 would.
bool prefix_holds(const uint8_t* packed, const uint8_t* address, int width) {
  const int length = std::min<int>(packed[1], width);
  for (int bit = 0; bit < length; bit++) {
    const uint8_t mask = 0x80 >> (bit % 8);
    if ((packed[2 + bit / 8] & mask) != (address[bit / 8] & mask)) return false;
  }
  return true;
}

}  // namespace

// The set holds an address when one of its prefixes does: merged or not, whatever their order.
void run_prefixes(const uint8_t* data, size_t size) {
  constexpr size_t kAddressBytes = 16;
  if (size < kAddressBytes) return;
  const uint8_t* const packed = data + kAddressBytes;
  const auto count = static_cast<uint32_t>((size - kAddressBytes) / PrefixSet::kPackedBytes);
  PrefixSet set;
  set.assign(packed, count);
  bool holds4 = false;
  bool holds6 = false;
  for (uint32_t i = 0; i < count; i++) {
    const uint8_t* const one = packed + size_t{i} * PrefixSet::kPackedBytes;
    if (one[0] == 4) {
      holds4 |= prefix_holds(one, data, 32);
    } else {
      holds6 |= prefix_holds(one, data, 128);
    }
  }
  FUZZ_REQUIRE(set.contains4(load_be32(data)) == holds4, "IPv4");
  FUZZ_REQUIRE(set.contains6({load_be64(data), load_be64(data + 8)}) == holds6, "IPv6");
  FUZZ_REQUIRE(set.empty() == (count == 0), "empty");
}

// Any record is a row within the bound, or none.
void run_rows(const uint8_t* data, size_t size) {
  constexpr size_t kPartsMax = 2 * kRowValueCount;
  if (size < 1) return;
  const size_t count = std::min<size_t>(data[0] % (kPartsMax + 1), size - 1);
  std::vector<RowPart> parts;
  for (size_t i = 0; i < count; i++) {
    const size_t name = data[1 + i] % (kRowValueCount + std::size(kRecordCounters));
    parts.push_back(row_part(",", name < kRowValueCount
                                      ? kRowValueNames[name]
                                      : kRecordCounters[name - kRowValueCount].name));
  }
  SessionRows rows(std::move(parts), "}\n", "null", "01ARYZ6S4100000000");
  // Exact, so that the sanitizer sees the first octet beyond it.
  const auto out = std::make_unique_for_overwrite<char[]>(rows.row_bytes_max());
  for (size_t at = 1 + count; at + sizeof(SessionRecord) <= size; at += sizeof(SessionRecord)) {
    SessionRecord record;
    memcpy(&record, data + at, sizeof record);
    // The engine's enums are never others.
    record.end_reason = static_cast<EndReason>(1 + static_cast<uint8_t>(record.end_reason) % 5);
    record.conn_state = static_cast<ConnState>(static_cast<uint8_t>(record.conn_state) %
                                               std::size(kConnStateNames));
    record.direction_basis = static_cast<DirectionBasis>(
        static_cast<uint8_t>(record.direction_basis) % std::size(kDirectionBasisNames));
    const char* const end = rows.write(record, out.get());
    FUZZ_REQUIRE(end == nullptr || end <= out.get() + rows.row_bytes_max(), "the bound of a row");
  }
}

// Every record comes out once and in order, or was refused; no more wait than are allowed.
void run_queue(const uint8_t* data, size_t size) {
  if (size < 2) return;
  const size_t bytes_max = data[0] * kChunkBytes;
  RecordQueue queue(bytes_max, QueueFull::kDrop, [] {});
  uint64_t appended = 0;
  uint64_t taken = 0;
  const auto drain = [&] {
    size_t bytes = 0;
    queue.drain([&](const SessionRecord* records, size_t chunk_bytes) {
      bytes += chunk_bytes;
      for (size_t i = 0; i < chunk_bytes / sizeof(SessionRecord); i++) {
        FUZZ_REQUIRE(records[i].sequence == ++taken, "order");
      }
    });
    FUZZ_REQUIRE(bytes <= std::max(bytes_max, 2 * kChunkBytes) + kChunkBytes, "the bound");
  };
  for (size_t at = 1; at < size; at++) {
    for (int i = 0; i < (data[at] < 192 ? data[at] : 0); i++) {
      SessionRecord* const record = queue.next_record();
      if (record != nullptr) record->sequence = ++appended;
    }
    if (data[at] >= 224)
      drain();
    else if (data[at] >= 192)
      queue.flush();
  }
  queue.flush();
  drain();
  FUZZ_REQUIRE(taken == appended, "every record");
}

}  // namespace tunmeter::fuzz
