// What the kernel says about a network interface, asked over rtnetlink.
//
// Not sysfs: /sys shows the network namespace it was mounted in, not the one that the caller runs
// in.
#pragma once

#include <cstdint>
#include <string>

namespace tunmeter {

struct LinkState {
  unsigned index = 0;  // 0: no such interface
  bool up = false;
  // Packets that the interface itself could not keep (rx_missed_errors + rx_fifo_errors); what
  // pcap_stats calls ps_ifdrop, which libpcap on Linux only fills in promiscuous mode.
  uint64_t dropped = 0;
};

class LinkMonitor {
 public:
  LinkMonitor();
  ~LinkMonitor();
  LinkMonitor(const LinkMonitor&) = delete;
  LinkMonitor& operator=(const LinkMonitor&) = delete;

  // Of the interface that has this name now.
  LinkState query(const std::string& name);

 private:
  int fd_;
};

// "eth0, lo, wg0": the interfaces of this network namespace.
std::string interface_names();

}  // namespace tunmeter
