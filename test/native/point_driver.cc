// An observation point over capture files, its threads disturbed from outside, for sanitizers.
//
//   point_driver SEED FILE...
//
// Rounds of: read to the end, stop somewhere, abandon somewhere; with and without a reader ahead.
// Of those that end early another thread asks for the status, sets prefixes and takes records all
// the time. The others are followed as JavaScript does: asleep until woken. They must have counted
// what the first one did. Prints {"packets": N, "rounds": N}.
#include <chrono>
#include <cinttypes>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "engine/observation_point.h"

using namespace tunmeter;

namespace {

constexpr int kRounds = 90;
constexpr auto kWakeMax = std::chrono::seconds(60);
enum Ending : uint32_t { kReadAll, kStop, kAbandon, kEndings };

class Round {
 public:
  Round(const std::vector<std::string>& paths, bool ahead, std::minstd_rand& random)
      : random_(random), point_(options(paths, ahead), [this] { wake(); }) {}

  // Packets counted.
  uint64_t run(Ending ending) {
    point_.start();
    if (ending == kReadAll) follow();
    const uint32_t turns = random_() % 40;
    for (uint32_t turn = 0; !point_.status().ended; turn++) {
      if (turn == turns && ending == kStop) point_.stop();
      if (turn == turns && ending == kAbandon) {
        point_.abandon();
        break;
      }
      disturb();
    }
    take();
    const PointStatus status = point_.status();
    const bool whole = ending != kAbandon;
    if (!status.ended || (whole && taken_ != status.counters.records_made)) {
      fprintf(stderr, "ended %d, %" PRIu64 " records of %" PRIu64 "\n", status.ended, taken_,
              status.counters.records_made);
      abort();
    }
    return status.counters.all.packets;
  }

 private:
  static ObservationPoint::Options options(const std::vector<std::string>& paths, bool ahead) {
    ObservationPoint::Options options;
    options.source.paths = paths;
    options.source.read_ahead = ahead;
    options.record_queue_bytes = 2 * kChunkBytes;
    options.engine.flows_max = 10'000;
    return options;
  }

  void wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_one();
  }

  // See FlowMeter.records() in src/meter/capture/flow-meter.ts.
  void follow() {
    for (bool ended = false; !ended;) {
      ended = point_.status().ended;
      take();
      std::unique_lock lock(mutex_);
      if (!ended && !changed_.wait_for(lock, kWakeMax, [this] { return woken_; })) {
        fprintf(stderr, "asleep, though ended: %d\n", point_.status().ended);
        abort();
      }
      woken_ = false;
    }
  }

  void disturb() {
    const uint32_t what = random_() % 8;
    if (what < 4) take();
    if (what == 4) point_.set_inside(PrefixSet());
    if (what == 5) point_.begin_epoch(++epoch_);
    if (what > 5) std::this_thread::yield();
  }

  void take() {
    point_.queue().drain([this](const SessionRecord* records, size_t bytes) {
      const size_t count = bytes / sizeof(SessionRecord);
      for (size_t i = 0; i < count; i++) taken_ += records[i].sequence != 0;
    });
  }

  uint32_t epoch_ = 0;
  std::minstd_rand& random_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  uint64_t taken_ = 0;
  ObservationPoint point_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  std::minstd_rand random(static_cast<uint32_t>(strtoul(argv[1], nullptr, 10)));
  const std::vector<std::string> paths(argv + 2, argv + argc);
  const uint64_t whole = Round(paths, false, random).run(kReadAll);
  for (int i = 0; i < kRounds; i++) {
    const auto ending = static_cast<Ending>(i % kEndings);
    const uint64_t packets = Round(paths, i % 4 != 0, random).run(ending);
    if (packets > whole || (ending == kReadAll && packets != whole)) {
      fprintf(stderr, "%" PRIu64 " packets of %" PRIu64 "\n", packets, whole);
      return 1;
    }
  }
  printf("{\"packets\": %" PRIu64 ", \"rounds\": %d}\n", whole, kRounds);
  return 0;
}
