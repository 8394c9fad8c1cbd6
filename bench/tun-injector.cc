// Writes UDP packets into a TUN device at a rate, like the traffic of a tunnel interface.
//
//   tun-injector DEVICE PACKETS_PER_SECOND SECONDS FLOWS PACKET_BYTES
//
// Makes the device in the current network namespace, brings it up, prints "ready", waits for a line
// on standard input, sends, prints one JSON object, and keeps the device until standard input ends.
// Rate 0: as fast as possible.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

constexpr int kPacketsPerSleep = 64;  // at 200 kpps a pause every 0.3 ms, like the bursts of a busy tunnel
constexpr size_t kHeaderBytes = 28;

int64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

double cpu_seconds() {
  rusage u;
  getrusage(RUSAGE_SELF, &u);
  return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

int open_tun(const char* name) {
  int fd = open("/dev/net/tun", O_RDWR);
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0) {
    perror("tun-injector: cannot make the TUN device");
    exit(1);
  }
  int control = socket(AF_INET, SOCK_DGRAM, 0);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (ioctl(control, SIOCSIFFLAGS, &request) < 0) {
    perror("tun-injector: cannot bring the device up");
    exit(1);
  }
  close(control);
  return fd;
}

// A UDP packet of flow `id`. The IP checksum is correct, because the kernel would otherwise count
// the packet elsewhere.
void fill(uint8_t* packet, uint32_t id, uint16_t bytes) {
  memset(packet, 0, bytes);
  packet[0] = 0x45;
  const uint16_t length = htons(bytes);
  memcpy(packet + 2, &length, 2);
  packet[8] = 64;
  packet[9] = 17;
  const uint32_t source = htonl(0x0a000000 + (id >> 4));
  const uint32_t dest = htonl(0xac100000 + (id & 0xfff));
  memcpy(packet + 12, &source, 4);
  memcpy(packet + 16, &dest, 4);
  uint32_t sum = 0;
  for (int i = 0; i < 20; i += 2) sum += packet[i] << 8 | packet[i + 1];
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  const uint16_t checksum = htons(static_cast<uint16_t>(~sum));
  memcpy(packet + 10, &checksum, 2);
  const uint16_t ports[3] = {htons(static_cast<uint16_t>(20000 + id % 16)), htons(443),
                             htons(static_cast<uint16_t>(bytes - 20))};
  memcpy(packet + 20, ports, 6);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: tun-injector DEVICE PACKETS_PER_SECOND SECONDS FLOWS PACKET_BYTES\n");
    return 2;
  }
  const double rate = atof(argv[2]);
  const double seconds = atof(argv[3]);
  const uint32_t flows = static_cast<uint32_t>(atoi(argv[4]));
  const uint16_t bytes = static_cast<uint16_t>(atoi(argv[5]));
  if (flows == 0 || bytes < kHeaderBytes || seconds <= 0) return 2;

  std::vector<uint8_t> packets(size_t{flows} * bytes);
  for (uint32_t id = 0; id < flows; id++) fill(&packets[size_t{id} * bytes], id, bytes);
  const int fd = open_tun(argv[1]);
  puts("ready");
  fflush(stdout);
  if (getchar() == EOF) return 1;

  const int64_t start = now_ns();
  const int64_t end = start + static_cast<int64_t>(seconds * 1e9);
  uint64_t sent = 0;
  uint64_t failed = 0;
  uint64_t state = 88172645463325252ULL;
  for (int64_t now = start; now < end; now = now_ns()) {
    for (int i = 0; i < kPacketsPerSleep; i++) {
      state ^= state << 13, state ^= state >> 7, state ^= state << 17;
      const size_t id = (state >> 32) * flows >> 32;
      if (write(fd, &packets[id * bytes], bytes) == bytes) {
        sent++;
      } else {
        failed++;
      }
    }
    if (rate > 0) {
      const int64_t due = start + static_cast<int64_t>((sent + failed) / rate * 1e9);
      const timespec until = {due / 1'000'000'000, due % 1'000'000'000};
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    }
  }
  printf("{\"sent\":%llu,\"failed\":%llu,\"seconds\":%.6f,\"cpuSeconds\":%.6f}\n",
         static_cast<unsigned long long>(sent), static_cast<unsigned long long>(failed),
         static_cast<double>(now_ns() - start) / 1e9, cpu_seconds());
  fflush(stdout);
  while (getchar() != EOF) {
  }
  return 0;
}
