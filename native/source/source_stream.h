// Bytes in order from something that cannot be rewound, and the window through which parsers see
// them.
//
//   ByteStream (a descriptor, or a gzip'd one)  ->  Window  ->  parser of one capture format
//
// Files are read(2) into a buffer that stays in the L2 cache, not mapped. On tmpfs both take the
// same time (docs/formats.md has the figures), a file that shrinks while it is read is then an
// ordinary early end instead of a SIGBUS that would end the process, and pipes and gzip need no
// second reader.
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
  kWait,   // nothing there for now: a pipe's writer is slow, or interrupt() was called
  kEnd,
  kError,  // error() says what
};

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // Reads up to `capacity` bytes (> 0) to `into`; *count of them on kBytes, else *count = 0.
  virtual StreamStatus read(uint8_t* into, size_t capacity, size_t* count) noexcept = 0;
  // Of the bytes as stored (compressed); any thread.
  virtual uint64_t stored_bytes_read() const noexcept = 0;
  virtual uint64_t stored_bytes_total() const noexcept = 0;
  virtual void interrupt() noexcept {}
  virtual const SourceError& error() const noexcept = 0;
};

// A contiguous view of a stream's next bytes. Its buffer holds at least one whole record: it starts
// at 256 KiB and grows up to kCapacityMax when a parser asks for a longer one.
class Window {
 public:
  // The longest block that must be seen whole; libpcap has the same limit for pcapng.
  static constexpr size_t kCapacityMax = 16u << 20;

  // Half of a common L2 cache: what the kernel has just copied is still there when the decoder
  // looks at it.
  static constexpr size_t kCapacity = 256u << 10;

  Window(ByteStream& stream, size_t capacity);

  const uint8_t* data() const { return buffer_.data() + begin_; }
  size_t size() const { return end_ - begin_; }
  // Of data()[0] in the stream.
  uint64_t offset() const { return offset_; }
  // What skip() promised and the stream has not yet given.
  uint64_t skip_pending() const { return skip_pending_; }

  // Passes `count` <= size() bytes.
  void consume(size_t count);
  // Passes any number of bytes, also ones that are still to come.
  void skip(uint64_t count);
  // Makes room for a record of `count` <= kCapacityMax bytes at data().
  void reserve(size_t count);
  // Moves what is left to the front and reads once.
  StreamStatus refill();

 private:
  ByteStream& stream_;
  std::vector<uint8_t> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  uint64_t offset_ = 0;
  uint64_t skip_pending_ = 0;
};

// A file, FIFO, device or (path "-") standard input. Never blocks for more than about 100 ms on
// anything but a disk.
class FdStream final : public ByteStream {
 public:
  // `name` is what errors call it.
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
  bool pollable_ = false;  // may block: ask poll() first
  std::atomic<uint64_t> bytes_read_{0};
  uint64_t bytes_total_ = 0;
  SourceError error_;
};

// Inflates another stream: one gzip member or several, one after the other (RFC 1952). `head` are
// bytes already taken from `inner`.
std::unique_ptr<ByteStream> make_gzip_stream(std::unique_ptr<ByteStream> inner,
                                             std::vector<uint8_t> head, std::string name);

// Reads the capture in `stream`, whatever its format (source_file.cc). A smaller window than the
// usual one is for tests that want many records to cross its borders.
std::unique_ptr<PacketSource> open_stream_source(std::unique_ptr<ByteStream> stream,
                                                 std::string name,
                                                 size_t window_bytes = Window::kCapacity);

}  // namespace tunmeter
