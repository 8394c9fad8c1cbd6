#include "source/source_link.h"

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace tunmeter {

namespace {

// A link's answer is about 2 KiB, 8 with many virtual functions; one that is longer is cut and the
// rest is not used.
constexpr size_t kAnswerBytes = 32u << 10;

struct Request {
  nlmsghdr header;
  ifinfomsg link;
};

void read_answer(const nlmsghdr* header, LinkState& state) {
  ifinfomsg link;
  memcpy(&link, NLMSG_DATA(header), sizeof link);
  state.up = (link.ifi_flags & IFF_UP) != 0;
  int bytes = static_cast<int>(IFLA_PAYLOAD(header));
  const auto* at =
      reinterpret_cast<const uint8_t*>(NLMSG_DATA(header)) + NLMSG_ALIGN(sizeof(ifinfomsg));
  for (auto* attribute = reinterpret_cast<const rtattr*>(at); RTA_OK(attribute, bytes);
       attribute = RTA_NEXT(attribute, bytes)) {
    if (attribute->rta_type != IFLA_STATS64) continue;
    rtnl_link_stats64 stats{};
    memcpy(&stats, RTA_DATA(attribute), std::min(RTA_PAYLOAD(attribute), sizeof stats));
    state.dropped = stats.rx_missed_errors + stats.rx_fifo_errors;
  }
}

}  // namespace

LinkMonitor::LinkMonitor() : fd_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {}

LinkMonitor::~LinkMonitor() {
  if (fd_ >= 0) close(fd_);
}

LinkState LinkMonitor::query(const std::string& name) {
  LinkState state;
  state.index = if_nametoindex(name.c_str());
  if (state.index == 0) return state;
  // Without an answer: taken for up, so that a broken netlink never stops a capture that works.
  state.up = true;

  Request request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_GETLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.link.ifi_family = AF_UNSPEC;
  request.link.ifi_index = static_cast<int>(state.index);
  if (send(fd_, &request, sizeof request, 0) < 0) return state;
  // The kernel answers within send(); nothing has to be waited for.
  alignas(nlmsghdr) uint8_t answer[kAnswerBytes];
  const ssize_t bytes = recv(fd_, answer, sizeof answer, MSG_DONTWAIT);
  const auto* header = reinterpret_cast<const nlmsghdr*>(answer);
  if (bytes < 0 || !NLMSG_OK(header, static_cast<size_t>(bytes))) return state;
  if (header->nlmsg_type == RTM_NEWLINK) read_answer(header, state);
  // Deleted between the two questions.
  if (header->nlmsg_type == NLMSG_ERROR) state.index = 0;
  return state;
}

std::string interface_names() {
  std::string names;
  struct if_nameindex* const list = if_nameindex();
  if (list == nullptr) return names;
  for (const auto* it = list; it->if_index != 0; ++it) {
    names += (names.empty() ? "" : ", ") + std::string(it->if_name);
  }
  if_freenameindex(list);
  return names;
}

}  // namespace tunmeter
