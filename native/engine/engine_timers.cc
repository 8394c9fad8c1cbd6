// Time: the deadlines of flows, and the ticks that check them.
#include <algorithm>
#include <utility>

#include "engine/engine.h"

namespace tunmeter {
namespace {

// A flow on another clock than the latest packet's is checked after this many ticks at the earliest
// (1 s).
constexpr int64_t kTicksOfOtherClocks = 10;
// After this many ticks in one run (100 s), look for quiet ticks to skip.
constexpr int64_t kTicksAtOnce = 1000;

}  // namespace

// Engine time on the flow's clock.
uint64_t Engine::now_of(const FlowSlot& slot) const {
  return static_cast<uint64_t>(clocks_.now(slot.clock)) & kTime48Mask;
}

// The same at a past tick. Only the current packet's clock has moved since then.
uint64_t Engine::now_at_tick(const FlowSlot& slot, int64_t tick_us) const {
  const int64_t since_us = slot.clock == clocks_.current() ? now_us_ - tick_us : 0;
  return static_cast<uint64_t>(clocks_.now(slot.clock) - since_us) & kTime48Mask;
}

// Notes a packet of the flow. The flow's times are on the packet's clock from now on.
void Engine::touch(uint32_t i) {
  FlowSlot& slot = table_.slot(i);
  const uint32_t clock = clocks_.current();
  const auto now = static_cast<uint64_t>(clocks_.now(clock));
  if (slot.clock != clock) {
    const int64_t left_us = time48_difference(slot.due_or_closed, now_of(slot));
    slot.due_or_closed = (now + static_cast<uint64_t>(left_us)) & kTime48Mask;
    slot.clock = clock;
  }
  slot.activity = now & kTime48Mask;
}

// The next event of this flow if no packet comes, seen from engine time `now`. A deadline is the
// first microsecond at which its event is due; idle and linger timeouts are strict ("for longer
// than"). Early reports happen only at ticks.
Engine::NextEvent Engine::next_event(const FlowSlot& slot, uint64_t now, bool at_tick) const {
  if (slot.closed) {
    const int64_t since_close = time48_difference(now, slot.due_or_closed);
    const NextEvent end = {options_.linger_us + 1 - since_close, Event::kLingerEnd};
    if (!at_tick || !options_.early_report || slot.reported) return end;
    const NextEvent report = {kEarlyReportUs - since_close, Event::kEarlyReport};
    return report.in_us <= end.in_us ? report : end;
  }
  const NextEvent idle = {idle_timeout(slot) + 1 - time48_difference(now, slot.activity),
                          Event::kIdle};
  if (options_.active_timeout_us == 0) return idle;
  const NextEvent interim = {-time48_difference(now, slot.due_or_closed), Event::kInterim};
  return interim.in_us < idle.in_us ? interim : idle;
}

bool Engine::handle_event(uint32_t i, Event event, uint64_t now) {
  FlowSlot& slot = table_.slot(i);
  switch (event) {
    case Event::kInterim:
      if (slot.dirty && nearly_idle(slot, now)) {
        slot.due_or_closed =
            (slot.activity + static_cast<uint64_t>(idle_timeout(slot)) + 1) & kTime48Mask;
        return false;
      }
      if (slot.dirty) {
        emit(i, EndReason::kActiveTimeout);
        counters_.ended[static_cast<int>(EndReason::kActiveTimeout)]++;
      }
      set_next_due(slot, now);
      return false;
    case Event::kEarlyReport:
      emit(i, EndReason::kEndOfFlowDetected);
      slot.reported = 1;
      return false;
    case Event::kLingerEnd:
      end_session(i, EndReason::kEndOfFlowDetected);
      return true;
    case Event::kIdle:
      end_session(i, EndReason::kIdleTimeout);
      return true;
  }
  return false;
}

// True when the flow was silent for 15/16 of its idle timeout. Its final record would soon repeat
// the interim one (a DNS exchange, with both timeouts at 60 s). So the interim record waits until
// the session would end, and is emitted then if a packet kept the session open.
bool Engine::nearly_idle(const FlowSlot& slot, uint64_t now) const {
  const int64_t timeout = idle_timeout(slot);
  return time48_difference(now, slot.activity) >= timeout - timeout / 16;
}

// Sets the next due time: the first multiple of the active timeout after the last one that is later
// than `now`.
void Engine::set_next_due(FlowSlot& slot, uint64_t now) const {
  const int64_t passed = time48_difference(now, slot.due_or_closed);
  const int64_t periods = passed / options_.active_timeout_us + 1;
  slot.due_or_closed =
      (slot.due_or_closed + static_cast<uint64_t>(periods * options_.active_timeout_us)) &
      kTime48Mask;
}

// Arms a timer check at or before the flow's next event.
void Engine::rearm(uint32_t i) {
  const int64_t tick_us = now_tick_ * kTickUs;
  const FlowSlot& slot = table_.slot(i);
  const NextEvent next = next_event(slot, now_at_tick(slot, tick_us), true);
  const int64_t soonest = slot.clock == clocks_.current() ? 1 : kTicksOfOtherClocks;
  const int64_t ticks = std::max(soonest, (next.in_us + kTickUs - 1) / kTickUs);
  wheel_.arm(table_, i, now_tick_ + ticks, now_tick_);
}

// Handles every tick up to engine time. With an empty wheel nothing is due, so a jump of years
// costs only the ticks until the last flow ended.
void Engine::run_timers() {
  const int64_t target = now_us_ / kTickUs;
  for (int64_t ticks = 1; now_tick_ < target && !wheel_.empty(); ticks++) {
    now_tick_++;
    handle_tick(now_tick_);
    if (ticks % kTicksAtOnce == 0 && target - now_tick_ > kTicksAtOnce) skip_quiet_ticks(target);
  }
  now_tick_ = target;
  next_tick_us_ = (target + 1) * kTickUs;
  fragments_.expire(target * kTickUs);
}

// Without this, a jump of months would check flows on idle clocks once a second for all that time.
void Engine::skip_quiet_ticks(int64_t target) {
  int64_t quiet_us = (target - now_tick_) * kTickUs;
  const int64_t tick_us = now_tick_ * kTickUs;
  for (uint32_t i = 0; i < table_.slots_used(); i++) {
    const FlowSlot& slot = table_.slot(i);
    if (!slot.live() || slot.clock != clocks_.current()) continue;
    quiet_us = std::min(quiet_us, next_event(slot, now_at_tick(slot, tick_us), true).in_us);
  }
  const int64_t ticks = quiet_us / kTickUs - 1;
  if (ticks < kTicksAtOnce) return;
  now_tick_ += ticks;
  wheel_.clear();
  for (uint32_t i = 0; i < table_.slots_used(); i++) {
    table_.slot(i).has_timer = 0;
    if (table_.slot(i).live()) rearm(i);
  }
}

void Engine::handle_tick(int64_t tick) {
  const int64_t tick_us = tick * kTickUs;
  due_.clear();
  wheel_.handle(table_, tick, [this, tick_us](uint32_t i) {
    const FlowSlot& slot = table_.slot(i);
    const NextEvent next = next_event(slot, now_at_tick(slot, tick_us), true);
    if (next.in_us <= 0) {
      due_.push_back({next.in_us, slot.sequence, i});
      if (next.event != Event::kInterim)
        table_.prefetch_index(table_.hash_of(i));  // the flow will be erased
    } else {
      rearm(i);
    }
  });
  if (!due_.empty()) handle_due(tick_us);
}

// Handles due events by deadline, then by sequence. A flow with two deadlines in one tick returns
// through due_again_.
void Engine::handle_due(int64_t tick_us) {
  const auto later = [](const DueEvent& a, const DueEvent& b) { return a.later_than(b); };
  const auto earlier = [](const DueEvent& a, const DueEvent& b) { return b.later_than(a); };
  std::sort(due_.begin(), due_.end(), earlier);
  due_again_.clear();
  for (size_t at = 0; at < due_.size() || !due_again_.empty();) {
    DueEvent due;
    const bool from_again =
        at == due_.size() || (!due_again_.empty() && due_[at].later_than(due_again_.front()));
    if (from_again) {
      std::pop_heap(due_again_.begin(), due_again_.end(), later);
      due = due_again_.back();
      due_again_.pop_back();
    } else {
      due = due_[at++];
    }
    const uint64_t now = now_at_tick(table_.slot(due.slot), tick_us);
    const NextEvent event = next_event(table_.slot(due.slot), now, true);
    if (handle_event(due.slot, event.event, now)) continue;
    const NextEvent next = next_event(table_.slot(due.slot), now, true);
    if (next.in_us > 0) {
      rearm(due.slot);
      continue;
    }
    due_again_.push_back({next.in_us, due.sequence, due.slot});
    std::push_heap(due_again_.begin(), due_again_.end(), later);
  }
}

}  // namespace tunmeter
