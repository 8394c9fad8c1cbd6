// The capture files of a replay as one input: one after the other, and by time where they overlap.
//
//   current file -> Gate -> packets before the next one of another file     at once
//                        -> the others -> Ahead of that file                in order of time
//   where files overlap, the file whose next packet is the earliest comes first
//   the file after them is open as well: its first packet decides when it joins
//
// `paths` must be sorted by first_packet_ns(). A file's own packets keep their order. A packet that
// is earlier than packets before it in its file releases those at once, so neither a clock that was
// set back nor a stamp far ahead delays a file.
//
// A pipe is read alone, because its first time is unknown until it is read.
//
// A damaged file ends early and the others continue. No engine and no thread is used here.
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

// The result of one read(). Every field describes the input up to the last packet that was read.
struct FileRead {
  SourceStats stats;                 // of all files so far
  uint32_t files_opened = 0;         // so far
  uint32_t files_overlapping = 0;    // so far; files that began before an earlier file ended
  std::optional<SourceError> error;  // why file number `file` ends here
  uint32_t file = 0;
  bool waited = false;  // a pipe has no packets for now
  bool over = false;    // the input ended; nothing was read
};

// The first time in the file; kNoTimestamp when no packet has one.
int64_t first_packet_ns(const std::string& path);

class CaptureFiles {
 public:
  // Each overlapping file holds the packets of one read() in memory. A further file that overlaps
  // is not read, which is an error of that file.
  static constexpr size_t kOverlapMax = 64;

  explicit CaptureFiles(std::vector<std::string> paths);
  ~CaptureFiles();

  // Reader thread. Delivers the next packets; waits for a pipe as PacketSource::read() does.
  FileRead read(PacketSink& sink) noexcept;
  // Any thread: ends the input at once.
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
