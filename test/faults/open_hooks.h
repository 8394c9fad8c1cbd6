// For LD_PRELOAD libraries: every other way to open a file goes through openat(), which the library
// that includes this defines. It defines functions, so one source of a library includes it.
#ifndef TUNMETER_TEST_FAULTS_OPEN_HOOKS_H_
#define TUNMETER_TEST_FAULTS_OPEN_HOOKS_H_

#include <fcntl.h>

#include <cstdarg>

extern "C" {

int openat64(int at, const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = va_arg(list, mode_t);
  va_end(list);
  return openat(at, path, flags, mode);
}
int open(const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = va_arg(list, mode_t);
  va_end(list);
  return openat(AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = va_arg(list, mode_t);
  va_end(list);
  return openat(AT_FDCWD, path, flags, mode);
}

}  // extern "C"

#endif  // TUNMETER_TEST_FAULTS_OPEN_HOOKS_H_
