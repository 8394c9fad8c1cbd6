// A gzip'd stream as the stream of unpacked bytes (RFC 1952): one or several members, zero padding
// after the last.
//
// In:  compressed bytes, 64 KiB at a time. Out: unpacked bytes, written into the caller's buffer.
// Memory is constant at any ratio of compression. Bytes unpacked before damage are delivered before
// the error.
#include <string.h>
#include <zlib.h>

#include <algorithm>
#include <utility>

#include "source/source_stream.h"

namespace tunmeter {

namespace {

constexpr size_t kInputBytes = 64u << 10;
// zlib: 15 = largest window, + 16 = the gzip wrapper and nothing else.
constexpr int kGzipWindowBits = 15 + 16;

class GzipStream final : public ByteStream {
 public:
  GzipStream(std::unique_ptr<ByteStream> inner, std::vector<uint8_t> head, std::string name)
      : inner_(std::move(inner)), input_(std::move(head)), name_(std::move(name)) {
    zlib_.next_in = input_.data();
    zlib_.avail_in = static_cast<uInt>(input_.size());
    ready_ = inflateInit2(&zlib_, kGzipWindowBits) == Z_OK;
    if (!ready_) fail("FILE_UNREADABLE", "zlib could not be started (out of memory?)");
  }

  ~GzipStream() override {
    if (ready_) inflateEnd(&zlib_);
  }
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;

  StreamStatus read(uint8_t* into, size_t capacity, size_t* count) noexcept override {
    *count = 0;
    if (!error_.code.empty()) return StreamStatus::kError;
    for (;;) {
      if (zlib_.avail_in == 0 && !more_to_come_out_) {
        const StreamStatus status = refill();
        if (status == StreamStatus::kEnd) return end();
        if (status != StreamStatus::kBytes) return status;
      }
      if (between_members_ && !begin_member()) {
        if (!error_.code.empty()) return StreamStatus::kError;
        continue;
      }
      zlib_.next_out = into;
      zlib_.avail_out = static_cast<uInt>(std::min<size_t>(capacity, UINT32_MAX));
      const uInt room = zlib_.avail_out;
      const int result = inflate(&zlib_, Z_NO_FLUSH);
      *count = room - zlib_.avail_out;
      more_to_come_out_ = zlib_.avail_out == 0 && result == Z_OK;
      if (result == Z_STREAM_END) {
        between_members_ = true;
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        fail("FILE_DAMAGED", std::string("the gzip data is damaged (zlib: ") +
                                 (zlib_.msg != nullptr ? zlib_.msg : "no reason given") + ")");
        // Bytes unpacked before the damage are valid; the next call reports the error.
        if (*count == 0) return StreamStatus::kError;
      }
      if (*count > 0) return StreamStatus::kBytes;
    }
  }

  uint64_t stored_bytes_read() const noexcept override { return inner_->stored_bytes_read(); }
  uint64_t stored_bytes_total() const noexcept override { return inner_->stored_bytes_total(); }
  void interrupt() noexcept override { inner_->interrupt(); }
  const SourceError& error() const noexcept override { return error_; }

 private:
  uint64_t stored_offset() const { return inner_->stored_bytes_read() - zlib_.avail_in; }

  void fail(const char* code, const std::string& what) {
    error_ = {code,
              name_ + ": " + what + " at byte " + std::to_string(stored_offset()) +
                  " of the compressed file. Copy or compress it again; `gzip -t` checks it.",
              stored_offset()};
  }

  StreamStatus refill() {
    input_.resize(kInputBytes);
    size_t count = 0;
    const StreamStatus status = inner_->read(input_.data(), input_.size(), &count);
    zlib_.next_in = input_.data();
    zlib_.avail_in = static_cast<uInt>(count);
    if (status == StreamStatus::kError) error_ = inner_->error();
    return status;
  }

  // The stored bytes ended, which is correct only after the end of a member.
  StreamStatus end() {
    if (between_members_) return StreamStatus::kEnd;
    fail("FILE_TRUNCATED", "the gzip data ends early,");
    return StreamStatus::kError;
  }

  // Between members, with input left. True when another member starts. False after padding (gzip(1)
  // skips zeros, which tapes and block devices add), and with an error when other bytes follow.
  bool begin_member() {
    while (zlib_.avail_in > 0 && *zlib_.next_in == 0) {
      ++zlib_.next_in;
      --zlib_.avail_in;
    }
    if (zlib_.avail_in == 0) return false;
    if (*zlib_.next_in != 0x1f) {
      fail("FILE_DAMAGED", "something that is not gzip follows the gzip data");
      return false;
    }
    inflateReset(&zlib_);
    between_members_ = false;
    return true;
  }

  std::unique_ptr<ByteStream> inner_;
  std::vector<uint8_t> input_;
  std::string name_;
  z_stream zlib_{};
  bool ready_ = false;
  bool between_members_ = false;
  // zlib holds unpacked bytes that did not fit the caller's buffer. They are valid even if the file
  // ends here.
  bool more_to_come_out_ = false;
  SourceError error_;
};

}  // namespace

std::unique_ptr<ByteStream> make_gzip_stream(std::unique_ptr<ByteStream> inner,
                                             std::vector<uint8_t> head, std::string name) {
  return std::make_unique<GzipStream>(std::move(inner), std::move(head), std::move(name));
}

}  // namespace tunmeter
