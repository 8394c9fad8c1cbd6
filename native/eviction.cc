#include "eviction.h"

#include <algorithm>

namespace tunmeter {

uint32_t EvictionQueue::pop_oldest(const FlowTable& table, uint64_t now) {
  for (;;) {
    while (next_ < candidates_.size()) {
      const Candidate& c = candidates_[next_++];
      const FlowSlot& slot = table.slot(c.slot);
      const bool unchanged = slot.live() && slot.sequence == c.sequence &&
                             time48_difference(scanned_at_, slot.activity) == c.age_us;
      if (unchanged) return c.slot;
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
                     candidates_.end());
    candidates_.resize(wanted);
  };
  bool bounded = false;  // candidates_[wanted - 1] is the youngest worth keeping
  Candidate youngest = {};
  for (uint32_t i = 0; i < table.slots_used(); i++) {
    const FlowSlot& slot = table.slot(i);
    if (!slot.live()) continue;
    const Candidate c = {time48_difference(now, slot.activity), slot.sequence, i};
    if (bounded && youngest < c) continue;
    candidates_.push_back(c);
    if (candidates_.size() < 2 * wanted) continue;
    cut_to_wanted();
    youngest = candidates_.back();
    bounded = true;
  }
  if (candidates_.size() > wanted) cut_to_wanted();
  std::sort(candidates_.begin(), candidates_.end());
  next_ = 0;
  scanned_at_ = now;
}

}  // namespace tunmeter
