// Network interfaces as the kernel describes them over rtnetlink.
//
// Not over sysfs, because /sys shows the network namespace in which it was mounted, not the
// caller's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tunmeter {

// The part of rtnl_link_stats64 that is used; ip-link(8) prints the same.
struct LinkStats {
  uint64_t rx_packets = 0;
  uint64_t rx_bytes = 0;
  uint64_t rx_dropped = 0;
  uint64_t tx_packets = 0;
  uint64_t tx_bytes = 0;
  uint64_t tx_dropped = 0;
  // Packets that the interface itself lost (rx_missed_errors + rx_fifo_errors): ps_ifdrop of
  // pcap_stats, which libpcap on Linux fills only in promiscuous mode.
  uint64_t rx_lost = 0;
};

struct Link {
  std::string name;
  unsigned index = 0;  // 0: no such interface
  uint16_t type = 0;   // ARPHRD_*
  uint32_t mtu = 0;
  bool up = false;
  std::string kind;  // "wireguard", "tun", "veth", ...; empty for hardware
  LinkStats stats;
};

class LinkMonitor {
 public:
  LinkMonitor();
  ~LinkMonitor();
  LinkMonitor(const LinkMonitor&) = delete;
  LinkMonitor& operator=(const LinkMonitor&) = delete;

  // Describes the interface that has this name now. Returns 0 or an errno. Without such an
  // interface it returns 0, and link.index is 0.
  int query(const std::string& name, Link& link);
  // All interfaces of this network namespace, by index, without statistics. Returns 0 or an errno.
  int list(std::vector<Link>& links);

 private:
  int fd_;
  int open_errno_ = 0;  // fd_ < 0: why
  uint32_t sequence_ = 0;
};

// "eth0, lo, wg0": the interfaces of this network namespace.
std::string interface_names();

}  // namespace tunmeter
