// The epoch in which each open session began. JavaScript numbers the epochs: one for each state of
// peers and catalog. It keeps a state while a session of its epoch, or of an older one, may be
// open.
//
// Sessions are numbered in order of opening, so an epoch is a range of numbers and a flow needs no
// field for it. Bound: at most about half of the epochs kept have no open session.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tunmeter {

class Epochs {
 public:
  Epochs() { spans_.push_back({0, 0, 0}); }

  // Sessions after `last_sequence` belong to `epoch`.
  void begin(uint32_t epoch, uint64_t last_sequence) {
    if (epoch == spans_.back().epoch) return;
    if (spans_.back().open == 0) spans_.pop_back();
    drop_ended();
    spans_.push_back({epoch, last_sequence, 0});
  }

  void opened() { spans_.back().open++; }

  void ended(uint64_t sequence) {
    Span& span = spans_[index_of(sequence)];
    span.open--;
    if (span.open == 0 && &span != &spans_.back()) ended_++;
  }

  // The epoch of an open session.
  uint32_t of(uint64_t sequence) const { return spans_[index_of(sequence)].epoch; }

  // The oldest epoch with an open session, or else the current epoch.
  uint32_t oldest() const {
    for (const Span& span : spans_) {
      if (span.open > 0) return span.epoch;
    }
    return spans_.back().epoch;
  }

  uint64_t open_sessions() const {
    uint64_t sum = 0;
    for (const Span& span : spans_) sum += span.open;
    return sum;
  }

  size_t memory_bytes() const { return spans_.capacity() * sizeof(Span); }

 private:
  struct Span {
    uint32_t epoch;
    uint64_t after;  // the sequence before that of its first session
    uint64_t open;
  };

  // Nearly every session belongs to the current epoch.
  size_t index_of(uint64_t sequence) const {
    if (sequence > spans_.back().after) return spans_.size() - 1;
    const auto next = std::lower_bound(spans_.begin(), spans_.end(), sequence,
                                       [](const Span& span, uint64_t s) { return span.after < s; });
    return static_cast<size_t>(next - spans_.begin()) - 1;
  }

  // Not at each end of a session, because each removal moves the epochs behind it.
  void drop_ended() {
    if (2 * ended_ <= spans_.size()) return;
    std::erase_if(spans_, [](const Span& span) { return span.open == 0; });
    ended_ = 0;
  }

  std::vector<Span> spans_;  // ascending; the last is the current epoch
  size_t ended_ = 0;         // number of them without an open session, except the last
};

}  // namespace tunmeter
