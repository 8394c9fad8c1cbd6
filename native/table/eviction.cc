#include "table/eviction.h"

#include <algorithm>

namespace tunmeter {

uint32_t EvictionQueue::pop_oldest(const FlowTable& table, uint64_t now) {
  for (;;) {
    while (!candidates_.empty()) {
      std::pop_heap(candidates_.begin(), candidates_.end());
      Candidate c = candidates_.back();
      candidates_.pop_back();
      const FlowSlot& slot = table.slot(c.slot);
      if (!slot.live() || slot.sequence != c.sequence) continue;
      const int64_t age_us = time48_difference(scanned_at_, slot.activity);
      if (age_us == c.age_us) return c.slot;
      c.age_us = age_us;
      if (youngest_.older_than(c)) continue;
      candidates_.push_back(c);
      std::push_heap(candidates_.begin(), candidates_.end());
    }
    scan(table, now);
  }
}

void EvictionQueue::scan(const FlowTable& table, uint64_t now) {
  constexpr size_t kCandidatesMin = 64;
  const size_t wanted = std::max<size_t>(kCandidatesMin, table.size() / 16);
  candidates_.clear();
  candidates_.reserve(2 * wanted);
  const auto cut_to_wanted = [this, wanted] {
    std::nth_element(candidates_.begin(), candidates_.begin() + static_cast<ptrdiff_t>(wanted - 1),
                     candidates_.end(),
                     [](const Candidate& a, const Candidate& b) { return a.older_than(b); });
    candidates_.resize(wanted);
  };
  bool bounded = false;  // a candidate younger than youngest_ is not needed
  for (uint32_t i = 0; i < table.slots_used(); i++) {
    const FlowSlot& slot = table.slot(i);
    if (!slot.live()) continue;
    const Candidate c = {time48_difference(now, slot.activity), slot.sequence, i};
    if (bounded && youngest_.older_than(c)) continue;
    candidates_.push_back(c);
    if (candidates_.size() < 2 * wanted) continue;
    cut_to_wanted();
    youngest_ = candidates_.back();
    bounded = true;
  }
  if (candidates_.size() > wanted) cut_to_wanted();
  std::make_heap(candidates_.begin(), candidates_.end());
  // The youngest of a heap can be anywhere, so read all; once a scan.
  youngest_ = *std::min_element(candidates_.begin(), candidates_.end());
  scanned_at_ = now;
}

}  // namespace tunmeter
