// ByteStream: bytes in order, without rewinding. Window: the next bytes of a stream, for parsers.
//
//   ByteStream (a descriptor, or a gzip'd one)  ->  Window  ->  parser of one capture format
//
// Files are read with read(2) into a buffer that fits the L2 cache, and are not mapped. On tmpfs
// both take about the same time (docs/formats.md has the figures). A file that shrinks while it is
// read then ends early, instead of ending the process with SIGBUS. Pipes and gzip use the same
// reader.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "source/packet.h"

namespace tunmeter {

enum class StreamStatus : uint8_t {
  kBytes,  // at least one byte was read
  kWait,   // no bytes now: a pipe's writer is slow, or interrupt() was called
  kEnd,
  kError,  // see error()
};

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // Reads up to `capacity` bytes (> 0) into `into`. *count is their number on kBytes, else 0.
  virtual StreamStatus read(uint8_t* into, size_t capacity, size_t* count) noexcept = 0;
  // Count the bytes as stored (compressed). Any thread.
  virtual uint64_t stored_bytes_read() const noexcept = 0;
  virtual uint64_t stored_bytes_total() const noexcept = 0;
  virtual void interrupt() noexcept {}
  virtual const SourceError& error() const noexcept = 0;
};

// A contiguous view of a stream's next bytes. The buffer holds at least one whole record: it starts
// at 256 KiB and grows to at most kCapacityMax (16 MiB) when a parser needs more.
class Window {
 public:
  // The longest block that a parser reads whole; libpcap has the same limit for pcapng.
  static constexpr size_t kCapacityMax = 16u << 20;

  // Half of a common L2 cache, so that bytes which the kernel has just copied are still in it when
  // the decoder reads them.
  static constexpr size_t kCapacity = 256u << 10;

  Window(ByteStream& stream, size_t capacity);

  const uint8_t* data() const { return buffer_.data() + begin_; }
  size_t size() const { return end_ - begin_; }
  // The position of data()[0] in the stream.
  uint64_t offset() const { return offset_; }
  // Bytes of a skip() that the stream has not delivered yet.
  uint64_t skip_pending() const { return skip_pending_; }

  // Passes `count` <= size() bytes.
  void consume(size_t count);
  // Passes any number of bytes, including bytes that are not read yet.
  void skip(uint64_t count);
  // Makes room for a record of `count` <= kCapacityMax bytes at data().
  void reserve(size_t count);
  // Moves the bytes left to the front of the buffer and reads once.
  StreamStatus refill();

 private:
  ByteStream& stream_;
  std::vector<uint8_t> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  uint64_t offset_ = 0;
  uint64_t skip_pending_ = 0;
};

// A file, FIFO, device or (path "-") standard input. A read() waits at most about 100 ms, except
// for a disk.
class FdStream final : public ByteStream {
 public:
  // Error messages use `name`.
  FdStream(const std::string& path, std::string name);
  ~FdStream() override;
  FdStream(const FdStream&) = delete;
  FdStream& operator=(const FdStream&) = delete;

  StreamStatus read(uint8_t* into, size_t capacity, size_t* count) noexcept override;
  uint64_t stored_bytes_read() const noexcept override {
    return bytes_read_.load(std::memory_order_relaxed);
  }
  uint64_t stored_bytes_total() const noexcept override { return bytes_total_; }
  void interrupt() noexcept override;
  const SourceError& error() const noexcept override { return error_; }

 private:
  void open_path(const std::string& path);
  StreamStatus wait_readable();
  StreamStatus fail(const char* code, std::string message);

  std::string name_;
  int fd_ = -1;
  int wake_fd_ = -1;
  bool owned_ = false;
  bool pollable_ = false;  // may block, so poll() comes first
  std::atomic<uint64_t> bytes_read_{0};
  uint64_t bytes_total_ = 0;
  SourceError error_;
};

// Unpacks a gzip'd stream of one or several members (RFC 1952). `head` has the bytes already taken
// from `inner`.
std::unique_ptr<ByteStream> make_gzip_stream(std::unique_ptr<ByteStream> inner,
                                             std::vector<uint8_t> head, std::string name);

// Reads a capture of any format (source_file.cc). Tests pass a smaller window so that many records
// cross its borders.
std::unique_ptr<PacketSource> open_stream_source(std::unique_ptr<ByteStream> stream,
                                                 std::string name,
                                                 size_t window_bytes = Window::kCapacity);

}  // namespace tunmeter
