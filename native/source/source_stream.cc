#include "source/source_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace tunmeter {

namespace {

constexpr int kStreamWaitMs = 100;

}  // namespace

Window::Window(ByteStream& stream, size_t capacity) : stream_(stream), buffer_(capacity) {}

void Window::consume(size_t count) {
  begin_ += count;
  offset_ += count;
}

void Window::skip(uint64_t count) {
  const size_t here = std::min<uint64_t>(count, size());
  consume(here);
  skip_pending_ += count - here;
}

void Window::reserve(size_t count) {
  if (count > buffer_.size())
    buffer_.resize(std::min(kCapacityMax, std::max(count, 2 * buffer_.size())));
}

StreamStatus Window::refill() {
  if (begin_ > 0) {
    memmove(buffer_.data(), data(), size());
    end_ -= begin_;
    begin_ = 0;
  }
  size_t count = 0;
  const StreamStatus status = stream_.read(buffer_.data() + end_, buffer_.size() - end_, &count);
  end_ += count;
  if (skip_pending_ > 0) skip(std::exchange(skip_pending_, 0));
  return status;
}

FdStream::FdStream(const std::string& path, std::string name) : name_(std::move(name)) {
  wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  open_path(path);
}

FdStream::~FdStream() {
  if (owned_ && fd_ >= 0) close(fd_);
  if (wake_fd_ >= 0) close(wake_fd_);
}

StreamStatus FdStream::fail(const char* code, std::string message) {
  error_ = {code, std::move(message), bytes_read_.load(std::memory_order_relaxed)};
  return StreamStatus::kError;
}

void FdStream::open_path(const std::string& path) {
  const bool is_stdin = path == "-";
  // Non-blocking, because opening a FIFO could otherwise wait for a writer, and interrupt() could
  // not end that wait.
  fd_ = is_stdin ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  owned_ = !is_stdin;
  if (fd_ < 0) {
    const int reason = errno;
    fail(reason == ENOENT || reason == ENOTDIR ? "FILE_MISSING" : "FILE_UNREADABLE",
         name_ + ": cannot be opened: " + strerror(reason) +
             (reason == EACCES ? ". Run as a user who may read it." : ". Check the path."));
    return;
  }
  struct stat info {};
  if (fstat(fd_, &info) != 0) {
    fail("FILE_UNREADABLE", name_ + ": cannot be read: " + strerror(errno) + ".");
  } else if (S_ISDIR(info.st_mode)) {
    fail("FILE_UNREADABLE", name_ + " is a directory. Name the capture files in it.");
  } else if (isatty(fd_)) {
    fail("FILE_UNREADABLE",
         name_ + ": a terminal cannot be read as a capture. Pipe one in: tcpdump -w - | ... -");
  } else if (S_ISREG(info.st_mode)) {
    // A file that was read in part (stdin after a shell's `read`) starts at its current position.
    const off_t start = std::max<off_t>(lseek(fd_, 0, SEEK_CUR), 0);
    bytes_total_ = info.st_size > start ? static_cast<uint64_t>(info.st_size - start) : 0;
    posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
  } else {
    pollable_ = true;
  }
}

StreamStatus FdStream::wait_readable() {
  pollfd fds[2] = {{fd_, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
  const int ready = poll(fds, 2, kStreamWaitMs);
  if (ready < 0 && errno != EINTR) {
    return fail("FILE_UNREADABLE",
                name_ + ": cannot be read: poll failed: " + strerror(errno) + ".");
  }
  if (fds[1].revents != 0) {
    uint64_t count = 0;
    // Clears the wake-up; it may be cleared already.
    if (::read(wake_fd_, &count, sizeof count) < 0) return StreamStatus::kWait;
    return StreamStatus::kWait;
  }
  return ready > 0 && fds[0].revents != 0 ? StreamStatus::kBytes : StreamStatus::kWait;
}

StreamStatus FdStream::read(uint8_t* into, size_t capacity, size_t* count) noexcept {
  *count = 0;
  if (!error_.code.empty()) return StreamStatus::kError;
  if (pollable_) {
    const StreamStatus status = wait_readable();
    if (status != StreamStatus::kBytes) return status;
  }
  const ssize_t got = ::read(fd_, into, capacity);
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) return StreamStatus::kWait;
    return fail("FILE_UNREADABLE", name_ + ": cannot be read at byte " +
                                       std::to_string(stored_bytes_read()) + ": " +
                                       strerror(errno) + ".");
  }
  if (got == 0) return StreamStatus::kEnd;
  *count = static_cast<size_t>(got);
  bytes_read_.fetch_add(*count, std::memory_order_relaxed);
  return StreamStatus::kBytes;
}

void FdStream::interrupt() noexcept {
  const uint64_t one = 1;
  // Fails only when a wake-up is pending already, and one suffices.
  if (write(wake_fd_, &one, sizeof one) < 0) return;
}

}  // namespace tunmeter
