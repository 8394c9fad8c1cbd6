// LD_PRELOAD library: records, in order, what a process writes to the files below WRITE_LOG_DIR and
// when it syncs them. power-cut.ts replays the record up to any point, leaving out what no sync had
// reached.
//
//   record: op u8 | flags u8 | zero u16 | path length u32 | offset u64 | data length u64 | path |
//   data op:     'w' write at offset (flags 1: on a descriptor opened with O_DSYNC), 's' sync of
//   the file,
//           't' truncate to offset, 'r' rename: path is the new name, data the file's content
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include "open_hooks.h"

namespace {

constexpr int kDescriptorsMax = 4096;

std::mutex mutex;
std::string paths[kDescriptorsMax];
bool dsync[kDescriptorsMax];

template <typename F>
F next(const char* name) {
  return reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}

const std::string& directory() {
  static const std::string value = getenv("WRITE_LOG_DIR") ? getenv("WRITE_LOG_DIR") : "";
  return value;
}

int log_descriptor() {
  static const int fd = static_cast<int>(syscall(SYS_openat, AT_FDCWD, getenv("WRITE_LOG"),
                                                 O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  return fd;
}

bool watched(int fd) { return fd >= 0 && fd < kDescriptorsMax && !paths[fd].empty(); }

void record(char op, bool flag, const std::string& path, uint64_t offset, const void* data,
            uint64_t length) {
  std::string out(24, '\0');
  out[0] = op;
  out[1] = flag ? 1 : 0;
  const uint32_t path_length = static_cast<uint32_t>(path.size());
  memcpy(&out[4], &path_length, 4);
  memcpy(&out[8], &offset, 8);
  memcpy(&out[16], &length, 8);
  out += path;
  out.append(static_cast<const char*>(data), length);
  for (size_t at = 0; at < out.size();) {
    const long n = syscall(SYS_write, log_descriptor(), out.data() + at, out.size() - at);
    if (n <= 0) abort();
    at += static_cast<size_t>(n);
  }
}

void opened(int fd, const char* path, int flags) {
  if (fd < 0 || fd >= kDescriptorsMax || directory().empty()) return;
  const std::lock_guard<std::mutex> lock(mutex);
  const bool inside = strncmp(path, directory().c_str(), directory().size()) == 0;
  paths[fd] = inside ? path : "";
  dsync[fd] = (flags & O_DSYNC) != 0;
  if (inside && (flags & O_TRUNC)) record('t', false, paths[fd], 0, "", 0);
}

// The lock is held over the call itself: the order of records is then the order of the writes.
template <typename Call>
long written(int fd, int64_t offset, const iovec* parts, int count, Call call) {
  if (!watched(fd)) return call();
  const std::lock_guard<std::mutex> lock(mutex);
  const uint64_t at = offset >= 0 ? offset : syscall(SYS_lseek, fd, 0, SEEK_CUR);
  const long n = call();
  if (n <= 0) return n;
  std::string data;
  for (int i = 0; i < count; i++)
    data.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  record('w', dsync[fd], paths[fd], at, data.data(), n);
  return n;
}

long synced(int fd, long result) {
  if (!watched(fd) || result != 0) return result;
  const std::lock_guard<std::mutex> lock(mutex);
  record('s', false, paths[fd], 0, "", 0);
  return result;
}

}  // namespace

extern "C" {

int openat(int at, const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = va_arg(list, mode_t);
  va_end(list);
  const int fd = static_cast<int>(syscall(SYS_openat, at, path, flags, mode));
  opened(fd, path, flags);
  return fd;
}
int close(int fd) {
  if (watched(fd)) {
    const std::lock_guard<std::mutex> lock(mutex);
    paths[fd].clear();
  }
  return static_cast<int>(syscall(SYS_close, fd));
}
ssize_t write(int fd, const void* data, size_t length) {
  const iovec part{const_cast<void*>(data), length};
  return written(fd, -1, &part, 1, [&] { return syscall(SYS_write, fd, data, length); });
}
ssize_t writev(int fd, const iovec* parts, int count) {
  return written(fd, -1, parts, count, [&] { return syscall(SYS_writev, fd, parts, count); });
}
ssize_t pwrite64(int fd, const void* data, size_t length, off64_t offset) {
  const iovec part{const_cast<void*>(data), length};
  return written(fd, offset, &part, 1,
                 [&] { return syscall(SYS_pwrite64, fd, data, length, offset); });
}
ssize_t pwrite(int fd, const void* data, size_t length, off_t offset) {
  return pwrite64(fd, data, length, offset);
}
ssize_t pwritev64(int fd, const iovec* parts, int count, off64_t offset) {
  return written(fd, offset, parts, count,
                 [&] { return syscall(SYS_pwritev, fd, parts, count, offset, 0); });
}
ssize_t pwritev(int fd, const iovec* parts, int count, off_t offset) {
  return pwritev64(fd, parts, count, offset);
}
int fsync(int fd) { return static_cast<int>(synced(fd, syscall(SYS_fsync, fd))); }
int fdatasync(int fd) { return static_cast<int>(synced(fd, syscall(SYS_fdatasync, fd))); }
int ftruncate64(int fd, off64_t length) {
  const long result = syscall(SYS_ftruncate, fd, length);
  if (watched(fd) && result == 0) {
    const std::lock_guard<std::mutex> lock(mutex);
    record('t', false, paths[fd], length, "", 0);
  }
  return static_cast<int>(result);
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }
int rename(const char* from, const char* to) {
  const long result = syscall(SYS_rename, from, to);
  if (result == 0 && strncmp(to, directory().c_str(), directory().size()) == 0 &&
      !directory().empty()) {
    std::string data;
    if (FILE* file = fopen(to, "r")) {
      char buffer[4096];
      for (size_t n; (n = fread(buffer, 1, sizeof buffer, file)) > 0;) data.append(buffer, n);
      fclose(file);
    }
    const std::lock_guard<std::mutex> lock(mutex);
    record('r', false, to, 0, data.data(), data.size());
  }
  return static_cast<int>(result);
}

}  // extern "C"
