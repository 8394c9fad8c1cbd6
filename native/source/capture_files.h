// The capture files of a replay as one input: one after the other, and by time where they overlap.
//
//   file of now      -> Gate -> packets up to the first of another file      at once
//                            -> the others -> Ahead of that file             in order with the others'
//   files that overlap: the one whose next packet is the earliest comes first
//   the file after them is open, too: its first packet says when it joins
//
// The paths are in the order of their files' first packets (first_packet_ns()). A file's own packets
// keep their order: one of them that is earlier than others before it lets these go at once, so that
// neither a clock that was set back nor a stamp far ahead holds a file up.
//
// A pipe is read alone: nothing is known of it before it is read.
//
// A file that is damaged ends early and the others go on. Knows no engine and starts no thread.
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

// What one read came to. All of it is about the input up to the last packet that was read.
struct FileRead {
  SourceStats stats;                 // of all files so far
  uint32_t files_opened = 0;         // so far
  uint32_t files_overlapping = 0;    // began before one of those before them was over
  std::optional<SourceError> error;  // why a file ends here
  uint32_t file = 0;                 // that file
  bool over = false;                 // the input has ended, nothing was read
};

// Of a file's packets the first one's that has a time; kNoTimestamp when there is none.
int64_t first_packet_ns(const std::string& path);

class CaptureFiles {
 public:
  // A read of each is held; one more that overlaps is an error of that file.
  static constexpr size_t kOverlapMax = 64;

  explicit CaptureFiles(std::vector<std::string> paths);
  ~CaptureFiles();

  // One thread. Delivers the next packets; waits for a pipe as PacketSource::read() does.
  FileRead read(PacketSink& sink) noexcept;
  // Any thread, any time: the input is over, wherever it is.
  void stop();

 private:
  struct Open;
  class Gate;

  void open_files();
  void read_file(Open& file, PacketSink& sink, FileRead& read);
  void deliver_earliest(PacketSink& sink, FileRead& read);
  bool begin(Open& file, FileRead& read);
  void close_ended();

  const std::vector<std::string> paths_;
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Open>> open_;  // by path; changed under mutex_
  // Reader only.
  SourceStats finished_;
  uint32_t files_opened_ = 0;
  uint32_t files_overlapping_ = 0;
};

}  // namespace tunmeter
