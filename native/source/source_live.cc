// A network interface as a PacketSource, through libpcap.
//
// In:  LiveOptions. Out: packets from the kernel's ring, cut at the snaplen, copied into batches of
// up to 64. They are copied because libpcap may give a block of the ring back to the kernel as soon
// as the callback of its last packet returns. They come in batches because the engine overlaps the
// cache misses of a batch.
//            error, deleted, renamed, recreated
//          +------------------------------------> gone   handle closed
//   opened |                                        |
//     ^    +------------------------------------> down   handle kept: nothing is lost between
//     |               taken down                    |    up and reopen()
//     +------------------ reopen() -----------------+
//
// read() waits with poll() on libpcap's descriptor and an eventfd, with libpcap non-blocking.
// Otherwise a TPACKET_V3 ring would not wake the reader of a silent interface, and pcap_breakloop()
// from another thread would race with closing and opening the handle. A dispatch takes a bounded
// number of packets, so interrupt() waits for at most one dispatch.
#include <net/if.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <climits>
#include <cstring>
#include <utility>
#include <vector>

#include "source/source.h"
#include "source/source_link.h"

namespace tunmeter {

namespace {

constexpr int kWaitMs = 100;
// The kernel holds a block that is not full at most this long. It is less than the wait of a
// read(), so that the ring does not delay the record of a session's last packet.
constexpr int kBlockTimeoutMs = 20;
constexpr int kDispatchPackets = 4096;
constexpr int kDrainRoundsMax = 256;
constexpr int64_t kStatsEveryMs = 100;
constexpr int64_t kLinkCheckEveryMs = 1000;
constexpr uint64_t kRingBytesMin = 1u << 20;
constexpr size_t kBatchPackets = 64;
constexpr size_t kBatchBytes = 64u << 10;

int64_t now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return now.tv_sec * int64_t{1000} + now.tv_nsec / 1'000'000;
}

// LINKTYPE_* of a DLT_* as libpcap numbers it on Linux; most are the same.
uint16_t link_type_of_dlt(int dlt) {
  switch (dlt) {
    case DLT_RAW:
      return kLinkRaw;
    case DLT_ATM_RFC1483:
      return 100;
    case DLT_SLIP_BSDOS:
      return 102;
    case DLT_PPP_BSDOS:
      return 103;
    default:
      return dlt >= 0 && dlt <= UINT16_MAX ? static_cast<uint16_t>(dlt) : UINT16_MAX;
  }
}

std::string permission_advice() {
  char program[PATH_MAX] = "PROGRAM";
  const ssize_t bytes = readlink("/proc/self/exe", program, sizeof program - 1);
  if (bytes > 0) program[bytes] = '\0';
  return "Run as root, or as a service with AmbientCapabilities=CAP_NET_RAW, or give the program "
         "the right "
         "to capture: sudo setcap cap_net_raw+ep " +
         std::string(program);
}

class LiveSource final : public PacketSource {
 public:
  explicit LiveSource(LiveOptions options)
      : options_(std::move(options)),
        any_(options_.interface == "any"),
        wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        batch_bytes_(kBatchBytes) {}

  ~LiveSource() override {
    close_handle();
    if (wake_fd_ >= 0) close(wake_fd_);
  }
  LiveSource(const LiveSource&) = delete;
  LiveSource& operator=(const LiveSource&) = delete;

  SourceStatus read(PacketSink& sink) noexcept override {
    if (state_ == State::kNew) {
      const SourceStatus status = open_handle();
      if (status != SourceStatus::kOk) return status;
    }
    if (state_ == State::kFailed) return SourceStatus::kFailed;
    if (state_ != State::kOpen) return SourceStatus::kGone;

    const Wake wake = wait();
    sink_ = &sink;
    int count = dispatch();
    // The last read() before a stop takes all that the ring holds, up to a bound.
    for (int round = 0; wake == Wake::kInterrupt && count == kDispatchPackets; ++round) {
      if (round == kDrainRoundsMax) break;
      count = dispatch();
    }
    flush();
    if (count == PCAP_ERROR) return lost(pcap_geterr(handle_));
    return look_after(wake);
  }

  bool reopen() noexcept override {
    if (state_ == State::kOpen) return true;
    if (state_ == State::kDown) {
      const Link link = ask_link();
      if (link.index == link_index_ && !link.up) return false;
      if (link.index == link_index_) {
        state_ = State::kOpen;
      } else {
        close_handle();
      }
    }
    if (state_ != State::kOpen && open_handle() != SourceStatus::kOk) {
      // The interface existed before, so the reason may pass: try again later.
      if (state_ == State::kFailed) state_ = State::kGone;
      return false;
    }
    reopened_.fetch_add(1, std::memory_order_relaxed);
    error_ = {};
    return true;
  }

  void interrupt() noexcept override {
    const uint64_t one = 1;
    // Fails only when a wake-up is pending already, and one suffices.
    if (write(wake_fd_, &one, sizeof one) < 0) return;
  }

  SourceStats stats() noexcept override {
    SourceStats stats;
    stats.kernel_received = received_.load(std::memory_order_relaxed);
    stats.kernel_dropped = dropped_.load(std::memory_order_relaxed);
    stats.interface_dropped = interface_dropped_.load(std::memory_order_relaxed);
    stats.reopened = reopened_.load(std::memory_order_relaxed);
    return stats;
  }

  const SourceError& error() const noexcept override { return error_; }

 private:
  enum class State : uint8_t {
    kNew,
    kOpen,
    kDown,    // handle kept
    kGone,    // no handle
    kFailed,  // could not be opened the first time
  };

  enum class Wake : uint8_t {
    kUsual,      // packets came, or the time is over
    kTrouble,    // the descriptor reports an error: check the interface
    kInterrupt,  // interrupt() was called
  };

  SourceStatus fail(const char* code, std::string message) {
    error_ = {code, options_.interface + ": " + std::move(message), 0};
    state_ = State::kFailed;
    return SourceStatus::kFailed;
  }

  SourceStatus gone(State state, const char* code, std::string message) {
    error_ = {code, options_.interface + ": " + std::move(message), 0};
    state_ = state;
    return SourceStatus::kGone;
  }

  // Without an answer the interface counts as up, so that broken netlink never stops a working
  // capture.
  Link ask_link() {
    Link link;
    link_errno_ = links_.query(options_.interface, link);
    if (link_errno_ == 0) return link;
    link.index = if_nametoindex(options_.interface.c_str());
    link.up = true;
    link.stats.rx_lost = link_lost_;
    return link;
  }

  SourceStatus missing() {
    if (link_errno_ != 0)
      return fail("CAPTURE_FAILED", std::string("cannot be looked up: ") + strerror(link_errno_));
    return fail("INTERFACE_MISSING",
                "there is no such interface. There are: " + interface_names() + " (and any).");
  }

  SourceStatus open_handle() {
    Link link;
    if (!any_) {
      link = ask_link();
      if (link.index == 0) return missing();
    }
    char text[PCAP_ERRBUF_SIZE] = "";
    handle_ = pcap_create(options_.interface.c_str(), text);
    if (handle_ == nullptr) return fail("CAPTURE_FAILED", text);
    const uint64_t ring = std::clamp<uint64_t>(options_.ring_bytes, kRingBytesMin, INT_MAX);
    pcap_set_snaplen(handle_, static_cast<int>(std::min<uint32_t>(options_.snaplen, INT_MAX)));
    pcap_set_promisc(handle_, options_.promiscuous ? 1 : 0);
    pcap_set_timeout(handle_, kBlockTimeoutMs);
    pcap_set_buffer_size(handle_, static_cast<int>(ring));
    // No Linux kernel with a ring refuses this; the precision in force is read below.
    pcap_set_tstamp_precision(handle_, PCAP_TSTAMP_PRECISION_NANO);
    const int activated = pcap_activate(handle_);
    if (activated < 0) return activation_failed(activated);

    SourceStatus status = configure();
    if (status != SourceStatus::kOk) {
      close_handle();
      return status;
    }
    fraction_ns_ = pcap_get_tstamp_precision(handle_) == PCAP_TSTAMP_PRECISION_NANO ? 1 : 1000;
    link_type_ = link_type_of_dlt(pcap_datalink(handle_));
    poll_fd_ = pcap_get_selectable_fd(handle_);
    link_index_ = link.index;
    link_lost_ = link.stats.rx_lost;
    received_base_ = dropped_base_ = 0;
    stats_at_ms_ = link_at_ms_ = now_ms();
    state_ = State::kOpen;
    return SourceStatus::kOk;
  }

  SourceStatus activation_failed(int reason) {
    const std::string text = pcap_geterr(handle_);
    close_handle();
    switch (reason) {
      case PCAP_ERROR_PERM_DENIED:
      case PCAP_ERROR_PROMISC_PERM_DENIED:
        return fail("NO_PERMISSION", "no permission to capture. " + permission_advice());
      case PCAP_ERROR_NO_SUCH_DEVICE:
        return missing();
      case PCAP_ERROR_IFACE_NOT_UP:
        return down();
      default:
        return fail("CAPTURE_FAILED",
                    "capture cannot start: " + (text.empty() ? pcap_statustostr(reason) : text));
    }
  }

  // Settings that need an activated handle.
  SourceStatus configure() {
    char text[PCAP_ERRBUF_SIZE] = "";
    if (pcap_datalink(handle_) == DLT_LINUX_SLL) pcap_set_datalink(handle_, DLT_LINUX_SLL2);
    if (pcap_setnonblock(handle_, 1, text) != 0) return fail("CAPTURE_FAILED", text);
    const pcap_direction_t direction = options_.direction == CaptureDirection::kIn ? PCAP_D_IN
                                       : options_.direction == CaptureDirection::kOut
                                           ? PCAP_D_OUT
                                           : PCAP_D_INOUT;
    if (pcap_setdirection(handle_, direction) != 0) {
      return fail("CAPTURE_FAILED", pcap_geterr(handle_));
    }
    // An empty filter is set, too, because only a filter program makes the kernel cut packets at
    // the snaplen before it copies them into the ring.
    bpf_program program{};
    if (pcap_compile(handle_, &program, options_.filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) {
      return fail("BAD_FILTER", "the filter \"" + options_.filter + "\" is wrong: " +
                                    pcap_geterr(handle_) + ". See man pcap-filter.");
    }
    const int set = pcap_setfilter(handle_, &program);
    pcap_freecode(&program);
    if (set != 0) return fail("CAPTURE_FAILED", pcap_geterr(handle_));
    return SourceStatus::kOk;
  }

  void close_handle() {
    if (handle_ == nullptr) return;
    if (state_ == State::kOpen || state_ == State::kDown) add_stats();
    pcap_close(handle_);
    handle_ = nullptr;
    poll_fd_ = -1;
  }

  int dispatch() {
    return pcap_dispatch(
        handle_, kDispatchPackets,
        [](u_char* self, const pcap_pkthdr* header, const u_char* data) {
          reinterpret_cast<LiveSource*>(self)->take(*header, data);
        },
        reinterpret_cast<u_char*>(this));
  }

  Wake wait() {
    pollfd fds[2] = {{poll_fd_, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
    if (poll(fds, 2, kWaitMs) <= 0) return Wake::kUsual;
    if (fds[1].revents != 0) {
      uint64_t count = 0;
      // Clears the wake-up; it may be cleared already.
      return ::read(wake_fd_, &count, sizeof count) < 0 ? Wake::kUsual : Wake::kInterrupt;
    }
    return (fds[0].revents & ~POLLIN) != 0 ? Wake::kTrouble : Wake::kUsual;
  }

  void take(const pcap_pkthdr& header, const u_char* data) {
    const int64_t timestamp_ns =
        header.ts.tv_sec * int64_t{1'000'000'000} + header.ts.tv_usec * int64_t{fraction_ns_};
    RawPacket packet{data, timestamp_ns, header.caplen, header.len, link_type_};
    if (header.caplen > kBatchBytes) {
      flush();
      sink_->packets({&packet, 1});
      return;
    }
    if (batch_count_ == kBatchPackets || header.caplen > kBatchBytes - batch_used_) flush();
    uint8_t* const copy = batch_bytes_.data() + batch_used_;
    memcpy(copy, data, header.caplen);
    packet.data = copy;
    batch_used_ += header.caplen;
    batch_[batch_count_++] = packet;
  }

  void flush() {
    if (batch_count_ > 0) sink_->packets({batch_.data(), batch_count_});
    batch_count_ = 0;
    batch_used_ = 0;
  }

  SourceStatus down() {
    return gone(handle_ == nullptr ? State::kGone : State::kDown, "INTERFACE_DOWN",
                "the interface is down. Capture goes on when it is up (ip link set " +
                    options_.interface + " up).");
  }

  SourceStatus lost(const std::string& why) {
    close_handle();
    return gone(State::kGone, "INTERFACE_GONE",
                why + ". Capture goes on when an interface of that name is there.");
  }

  // Updates counters every 100 ms, and checks every second that the name still means this
  // interface.
  SourceStatus look_after(Wake wake) {
    const int64_t now = now_ms();
    if (wake == Wake::kInterrupt || now - stats_at_ms_ >= kStatsEveryMs) {
      stats_at_ms_ = now;
      add_stats();
    }
    if (any_ || (wake != Wake::kTrouble && now - link_at_ms_ < kLinkCheckEveryMs))
      return SourceStatus::kOk;
    link_at_ms_ = now;
    const Link link = ask_link();
    if (link.index == 0) return lost("the interface was deleted or renamed");
    if (link.index != link_index_) return lost("another interface has taken this name");
    const uint64_t lost_before = std::exchange(link_lost_, link.stats.rx_lost);
    interface_dropped_.fetch_add(link_lost_ - lost_before, std::memory_order_relaxed);
    return link.up ? SourceStatus::kOk : down();
  }

  // libpcap counts in 32 bits since the handle was opened. A difference stays right when they wrap.
  void add_stats() {
    pcap_stat now{};
    if (pcap_stats(handle_, &now) != 0) return;
    received_.fetch_add(now.ps_recv - received_base_, std::memory_order_relaxed);
    dropped_.fetch_add(now.ps_drop - dropped_base_, std::memory_order_relaxed);
    received_base_ = now.ps_recv;
    dropped_base_ = now.ps_drop;
  }

  const LiveOptions options_;
  const bool any_;
  const int wake_fd_;
  LinkMonitor links_;
  State state_ = State::kNew;
  pcap_t* handle_ = nullptr;
  int poll_fd_ = -1;
  uint32_t fraction_ns_ = 1;
  uint16_t link_type_ = 0;
  unsigned link_index_ = 0;
  uint64_t link_lost_ = 0;
  int link_errno_ = 0;  // of the latest look at it
  uint32_t received_base_ = 0;
  uint32_t dropped_base_ = 0;
  int64_t stats_at_ms_ = 0;
  int64_t link_at_ms_ = 0;

  PacketSink* sink_ = nullptr;
  std::array<RawPacket, kBatchPackets> batch_;
  size_t batch_count_ = 0;
  std::vector<uint8_t> batch_bytes_;
  size_t batch_used_ = 0;

  std::atomic<uint64_t> received_{0};
  std::atomic<uint64_t> dropped_{0};
  std::atomic<uint64_t> interface_dropped_{0};
  std::atomic<uint64_t> reopened_{0};
  SourceError error_;
};

}  // namespace

std::unique_ptr<PacketSource> open_live_source(const LiveOptions& options) {
  return std::make_unique<LiveSource>(options);
}

}  // namespace tunmeter
