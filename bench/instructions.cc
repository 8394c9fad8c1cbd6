// Reads one capture into an engine, on one thread, and prints its counters. bench/instructions.ts
// runs it under cachegrind, which counts its instructions.
#include <cinttypes>
#include <cstdio>

#include "engine/engine.h"
#include "source/capture_files.h"

namespace {

// Takes records like the record queue: space for the engine to fill, nothing else.
class CountingSink final : public tunmeter::RecordSink {
 public:
  tunmeter::SessionRecord* next_record() noexcept override {
    return &records_[count_++ % kRecords];
  }
  uint64_t count() const { return count_; }

 private:
  static constexpr size_t kRecords = 512;  // 80 KiB, a little more than a chunk of the record queue
  tunmeter::SessionRecord records_[kRecords];
  uint64_t count_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: instructions FILE\n");
    return 2;
  }
  CountingSink sink;
  tunmeter::Engine engine({}, &sink);
  tunmeter::CaptureFiles files({argv[1]});
  for (tunmeter::FileRead read; !read.over;) {
    read = files.read(engine);
    if (read.error) {
      fprintf(stderr, "%s\n", read.error->message.c_str());
      return 1;
    }
  }
  engine.finish();
  const tunmeter::EngineCounters& counters = engine.counters();
  printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", counters.sessions.packets,
         counters.sessions.bytes, counters.sessions_opened, sink.count());
  return 0;
}
