// LD_PRELOAD library: a machine whose wall clock is set, for one process. How many seconds it is off is the int64 in
// the file CLOCK_OFFSET, which is mapped: a step is seen by every thread at once. Captured packets have their times from
// the same clock, so they step with it. Monotonic clocks are left alone.
#include <dlfcn.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace {

const volatile int64_t* map_offset() {
  const char* path = getenv("CLOCK_OFFSET");
  const int fd = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) abort();
  void* mapped = mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) abort();
  close(fd);
  return static_cast<const volatile int64_t*>(mapped);
}

int64_t offset_seconds() {
  static const volatile int64_t* offset = map_offset();
  return *offset;
}

struct Handler {
  pcap_handler call;
  u_char* user;
};

void stepped(u_char* user, const pcap_pkthdr* header, const u_char* data) {
  const auto* handler = reinterpret_cast<const Handler*>(user);
  pcap_pkthdr moved = *header;
  moved.ts.tv_sec += offset_seconds();
  handler->call(handler->user, &moved, data);
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* now) {
  const long result = syscall(SYS_clock_gettime, clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    now->tv_sec += offset_seconds();
  return static_cast<int>(result);
}
int gettimeofday(timeval* now, void*) {
  timespec precise;
  clock_gettime(CLOCK_REALTIME, &precise);
  *now = {precise.tv_sec, precise.tv_nsec / 1000};
  return 0;
}
time_t time(time_t* out) {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}
int pcap_dispatch(pcap_t* handle, int count, pcap_handler call, u_char* user) {
  // The addon loads it for itself alone: RTLD_NEXT does not find it.
  static void* library = dlopen("libpcap.so.0.8", RTLD_LAZY | RTLD_NOLOAD);
  static const auto real =
      reinterpret_cast<int (*)(pcap_t*, int, pcap_handler, u_char*)>(dlsym(library, "pcap_dispatch"));
  Handler handler{call, user};
  return real(handle, count, stepped, reinterpret_cast<u_char*>(&handler));
}

}  // extern "C"
