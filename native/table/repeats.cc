#include "table/repeats.h"

#include <algorithm>

namespace tunmeter {
namespace {

// Stores `count` gaps; when there are too many, only the highest.
void put(Repeats::Gap (&gaps)[Repeats::kGapsMax], const Repeats::Gap* from, int count) {
  const int dropped = std::max(0, count - Repeats::kGapsMax);
  for (int i = 0; i < Repeats::kGapsMax; i++) {
    gaps[i] = i + dropped < count ? from[i + dropped] : Repeats::Gap{0, 0};
  }
}

int64_t relative(uint32_t number, uint32_t next) { return static_cast<int32_t>(number - next); }

bool is_gap(const Repeats::Gap& gap) { return gap.from != gap.to; }

}  // namespace

void Repeats::clear_gaps(int rx) { put(gaps[rx], nullptr, 0); }

void Repeats::add_gap(int rx, uint32_t from, uint32_t to) {
  Gap list[kGapsMax + 1];
  int count = 0;
  while (count < kGapsMax && is_gap(gaps[rx][count])) {
    list[count] = gaps[rx][count];
    count++;
  }
  list[count++] = {from, to};
  put(gaps[rx], list, count);
}

void Repeats::forget_old_gaps(int rx, uint32_t next) {
  int old = 0;
  while (old < kGapsMax && is_gap(gaps[rx][old]) && next - gaps[rx][old].from > kWindowMax) old++;
  if (old == 0) return;
  Gap list[kGapsMax];
  const int count = kGapsMax - old;
  std::copy_n(&gaps[rx][old], count, list);
  put(gaps[rx], list, count);
}

Repeats::Seen Repeats::fill(int rx, uint32_t next, int64_t from, int64_t to) {
  const int64_t end = std::min<int64_t>(to, 0);
  Seen seen = {static_cast<uint64_t>(end - from), true, to <= 0};
  Gap list[kGapsMax + 1];
  int count = 0;
  const auto keep = [&](int64_t a, int64_t b) {
    if (a >= b) return;
    list[count++] = {next + static_cast<uint32_t>(a), next + static_cast<uint32_t>(b)};
  };
  for (const Gap& gap : gaps[rx]) {
    if (!is_gap(gap)) break;
    const int64_t a = relative(gap.from, next);
    const int64_t b = relative(gap.to, next);
    const int64_t filled = std::min(b, end) - std::max(a, from);
    if (filled > 0) seen.numbers -= static_cast<uint64_t>(filled);
    if (a <= from && from < b) seen.first = false;
    if (a < to && to <= b) seen.last = false;
    keep(a, std::min(b, from));
    keep(std::max(a, to), b);
  }
  put(gaps[rx], list, count);
  return seen;
}

RepeatTable::RepeatTable(uint32_t flows_max) : entries_max_(entries_max(flows_max)) {
  ok_ = entry_memory_.reserve(size_t{entries_max_} * sizeof(Repeats)) &&
        place_memory_.reserve(size_t{flows_max} * sizeof(uint32_t));
  entries_ = reinterpret_cast<Repeats*>(entry_memory_.data());
  places_ = reinterpret_cast<uint32_t*>(place_memory_.data());
}

uint32_t RepeatTable::entries_max(uint32_t flows_max) {
  constexpr uint32_t kAll = 1024;  // a small table has room for all its flows
  return std::min(flows_max, std::max(kAll, flows_max / 4));
}

Repeats* RepeatTable::add(uint32_t slot) {
  uint32_t place = free_head_;
  if (place != 0) {
    free_head_ = static_cast<uint32_t>(entries_[place - 1].segments[0]);
  } else if (entries_used_ < entries_max_) {
    place = ++entries_used_;
  } else {
    return nullptr;
  }
  size_++;
  slots_reached_ = std::max(slots_reached_, slot + 1);
  places_[slot] = place;
  entries_[place - 1] = Repeats{};
  return &entries_[place - 1];
}

void RepeatTable::erase(uint32_t slot) {
  of(slot).segments[0] = free_head_;
  free_head_ = places_[slot];
  size_--;
}

void RepeatTable::clear() {
  entry_memory_.clear();
  place_memory_.clear();
  entries_used_ = size_ = free_head_ = slots_reached_ = 0;
}

size_t RepeatTable::memory_bytes() const {
  return size_t{entries_used_} * sizeof(Repeats) + size_t{slots_reached_} * sizeof(uint32_t);
}

}  // namespace tunmeter
