// What the kernel says about network interfaces, asked over rtnetlink.
//
// Not sysfs: /sys shows the network namespace it was mounted in, not the one that the caller runs
// in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tunmeter {

// rtnl_link_stats64, as far as it is used; ip-link(8) prints the same.
struct LinkStats {
  uint64_t rx_packets = 0;
  uint64_t rx_bytes = 0;
  uint64_t rx_dropped = 0;
  uint64_t tx_packets = 0;
  uint64_t tx_bytes = 0;
  uint64_t tx_dropped = 0;
  // Packets that the interface itself could not keep (rx_missed_errors + rx_fifo_errors); what
  // pcap_stats calls ps_ifdrop, which libpcap on Linux only fills in promiscuous mode.
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

  // Of the interface that has this name now, from one answer; 0 or an errno. Without such an
  // interface 0, and its index is 0.
  int query(const std::string& name, Link& link);
  // All of this network namespace, by index, without statistics; 0 or an errno.
  int list(std::vector<Link>& links);

 private:
  int fd_;
  uint32_t sequence_ = 0;
};

// "eth0, lo, wg0": the interfaces of this network namespace.
std::string interface_names();

}  // namespace tunmeter
