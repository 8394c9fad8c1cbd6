// The capture files of a replay, one after the other, as one input.
//
// A file that is damaged ends early and the next goes on. Knows no engine and starts no thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "source/packet.h"

namespace tunmeter {

// What one read came to. All of it is about the input up to the last packet that it delivered.
struct FileRead {
  SourceStats stats;                 // of all files so far
  uint32_t files_opened = 0;         // so far; the one that was read is the last of them
  std::optional<SourceError> error;  // why that file ends here
  bool over = false;                 // the input has ended, nothing was read
};

class CaptureFiles {
 public:
  explicit CaptureFiles(std::vector<std::string> paths);

  // One thread. Delivers the next packets; waits for a pipe as PacketSource::read() does.
  FileRead read(PacketSink& sink) noexcept;
  // Any thread, any time: the input is over, wherever it is.
  void stop();

 private:
  bool open_next();
  void close_file();

  const std::vector<std::string> paths_;
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;
  std::unique_ptr<PacketSource> source_;  // replaced under mutex_, read() by the reader only
  // Reader only.
  SourceStats finished_;
  uint32_t files_opened_ = 0;
};

}  // namespace tunmeter
