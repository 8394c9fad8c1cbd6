// LD_PRELOAD library: a disk that is slow or read-only, below BAD_DISK_DIR. How it is stands in the
// file BAD_DISK_STATE, read at each call: "ok", "readonly", or "slow N" (a sync takes N ms).
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "open_hooks.h"

namespace {

std::string state() {
  char text[32] = {};
  const long fd = syscall(SYS_openat, AT_FDCWD, getenv("BAD_DISK_STATE"), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "ok";
  const long n = syscall(SYS_read, fd, text, sizeof text - 1);
  syscall(SYS_close, fd);
  return std::string(text, n > 0 ? n : 0);
}

bool inside(const char* path) {
  const char* directory = getenv("BAD_DISK_DIR");
  return directory != nullptr && strncmp(path, directory, strlen(directory)) == 0;
}

bool inside(int fd) {
  char link[64];
  char path[4096] = {};
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  return readlink(link, path, sizeof path - 1) > 0 && inside(path);
}

// What a read-only file system answers; 0 when the call may go on.
template <typename Where>
int refused(Where where) {
  if (!inside(where) || state() != "readonly") return 0;
  errno = EROFS;
  return -1;
}

void slow(int fd) {
  if (!inside(fd)) return;
  const std::string now = state();
  if (now.rfind("slow ", 0) != 0) return;
  const long ms = atol(now.c_str() + 5);
  const timespec pause = {ms / 1000, ms % 1000 * 1'000'000};
  nanosleep(&pause, nullptr);
}

}  // namespace

extern "C" {

int openat(int at, const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = va_arg(list, mode_t);
  va_end(list);
  if ((flags & (O_WRONLY | O_RDWR | O_CREAT)) != 0 && refused(path)) return -1;
  return static_cast<int>(syscall(SYS_openat, at, path, flags, mode));
}
ssize_t write(int fd, const void* data, size_t length) {
  return refused(fd) ? -1 : syscall(SYS_write, fd, data, length);
}
ssize_t writev(int fd, const iovec* parts, int count) {
  return refused(fd) ? -1 : syscall(SYS_writev, fd, parts, count);
}
ssize_t pwrite64(int fd, const void* data, size_t length, off64_t offset) {
  return refused(fd) ? -1 : syscall(SYS_pwrite64, fd, data, length, offset);
}
ssize_t pwrite(int fd, const void* data, size_t length, off_t offset) {
  return pwrite64(fd, data, length, offset);
}
ssize_t pwritev64(int fd, const iovec* parts, int count, off64_t offset) {
  return refused(fd) ? -1 : syscall(SYS_pwritev, fd, parts, count, offset, 0);
}
ssize_t pwritev(int fd, const iovec* parts, int count, off_t offset) {
  return pwritev64(fd, parts, count, offset);
}
int fsync(int fd) {
  slow(fd);
  return refused(fd) ? -1 : static_cast<int>(syscall(SYS_fsync, fd));
}
int fdatasync(int fd) {
  slow(fd);
  return refused(fd) ? -1 : static_cast<int>(syscall(SYS_fdatasync, fd));
}
int ftruncate64(int fd, off64_t length) {
  return refused(fd) ? -1 : static_cast<int>(syscall(SYS_ftruncate, fd, length));
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }
int rename(const char* from, const char* to) {
  return refused(to) ? -1 : static_cast<int>(syscall(SYS_rename, from, to));
}
int unlink(const char* path) {
  return refused(path) ? -1 : static_cast<int>(syscall(SYS_unlink, path));
}

}  // extern "C"
