// The limits of any meter on this machine: the time to read a capture and to touch a table.
//
//   g++ -O2 -std=c++20 -o /tmp/limits bench/limits.cc -lpcap && /tmp/limits FILE
//
// scan      the file mapped, one byte of each packet's IP header summed
// read      the same, with the file read in pieces of 256 KiB
// libpcap   a bare pcap_next_ex loop
// touch N   for each packet of the file, a random one of N slots of 128 bytes: both cache lines
//           changed, 32 slots prefetched, huge pages. This is the memory's part of a flow table.
//
// FILE: classic pcap in this machine's byte order, as bench/support/traffic.ts writes it. Three
// rounds each; the fastest is printed.
#include <fcntl.h>
#include <pcap/pcap.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <vector>

namespace {

constexpr size_t kFileHeader = 24;
constexpr size_t kRecordHeader = 16;
constexpr size_t kWindow = 256 * 1024;
constexpr uint64_t kBatch = 32;

struct Seen {
  uint64_t packets = 0;
  uint64_t sum = 0;
};

// Sums over the complete records in `size` bytes and returns their length in bytes.
size_t walk(const uint8_t* data, size_t size, Seen& seen) {
  size_t at = 0;
  while (at + kRecordHeader < size) {
    uint32_t captured;
    std::memcpy(&captured, data + at + 8, 4);
    if (at + kRecordHeader + captured > size) break;
    seen.sum += data[at + kRecordHeader + 9];
    seen.packets++;
    at += kRecordHeader + captured;
  }
  return at;
}

Seen scan(const char* path) {
  Seen seen;
  const int fd = open(path, O_RDONLY);
  struct stat info;
  if (fd < 0 || fstat(fd, &info) != 0) return seen;
  const auto size = static_cast<size_t>(info.st_size);
  void* const map = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  if (map != MAP_FAILED) {
    walk(static_cast<const uint8_t*>(map) + kFileHeader, size - kFileHeader, seen);
    munmap(map, size);
  }
  close(fd);
  return seen;
}

Seen read_in_pieces(const char* path) {
  Seen seen;
  const int fd = open(path, O_RDONLY);
  std::vector<uint8_t> window(kWindow);
  size_t held = 0;
  ssize_t got = lseek(fd, kFileHeader, SEEK_SET);
  while ((got = read(fd, window.data() + held, kWindow - held)) > 0) {
    held += static_cast<size_t>(got);
    const size_t done = walk(window.data(), held, seen);
    held -= done;
    std::memmove(window.data(), window.data() + done, held);
  }
  close(fd);
  return seen;
}

Seen libpcap(const char* path) {
  Seen seen;
  char error[PCAP_ERRBUF_SIZE];
  pcap_t* const file = pcap_open_offline(path, error);
  if (file == nullptr) return seen;
  pcap_pkthdr* header;
  const u_char* data;
  while (pcap_next_ex(file, &header, &data) == 1) {
    seen.sum += data[9];
    seen.packets++;
  }
  pcap_close(file);
  return seen;
}

struct alignas(64) Slot {
  uint64_t words[16];
};

Seen touch(uint64_t packets, uint64_t slots) {
  Seen seen;
  const size_t bytes = slots * sizeof(Slot);
  void* const memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return seen;
  madvise(memory, bytes, MADV_HUGEPAGE);
  std::memset(memory, 1, bytes);
  auto* const table = static_cast<Slot*>(memory);
  uint64_t state = 1;
  Slot* batch[kBatch];
  for (; seen.packets < packets; seen.packets += kBatch) {
    for (Slot*& slot : batch) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      slot = &table[((state >> 32) * slots) >> 32];
      __builtin_prefetch(slot, 1);
      __builtin_prefetch(&slot->words[8], 1);
    }
    for (Slot* slot : batch) seen.sum += slot->words[0]++ + slot->words[15]++;
  }
  munmap(memory, bytes);
  return seen;
}

uint64_t measure(const char* name, const std::function<Seen()>& run) {
  using Clock = std::chrono::steady_clock;
  double fastest = 1e9;
  Seen seen;
  for (int round = 0; round < 3; round++) {
    const auto start = Clock::now();
    seen = run();
    fastest = std::min(fastest, std::chrono::duration<double>(Clock::now() - start).count());
  }
  const double ns = fastest * 1e9 / static_cast<double>(std::max<uint64_t>(seen.packets, 1));
  std::printf("%-16s %8.3f s  %6.1f ns a packet  (%llu packets, sum %llu)\n", name, fastest, ns,
              static_cast<unsigned long long>(seen.packets),
              static_cast<unsigned long long>(seen.sum));
  return seen.packets;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: limits FILE.pcap\n");
    return 2;
  }
  const char* const path = argv[1];
  const uint64_t packets = measure("scan", [path] { return scan(path); });
  measure("read", [path] { return read_in_pieces(path); });
  measure("libpcap", [path] { return libpcap(path); });
  measure("touch 50 k", [packets] { return touch(packets, 50'000); });
  measure("touch 1 M", [packets] { return touch(packets, 1'000'000); });
}
