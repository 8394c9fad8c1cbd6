#include "source/source_link.h"

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tunmeter {

namespace {

// One link's answer has about 2 KiB, or 8 KiB with many virtual functions. In a dump, the kernel
// fills datagrams of up to 32 KiB.
constexpr size_t kAnswerBytes = 64u << 10;
constexpr time_t kReceiveSeconds = 2;
// Changes of interfaces interrupt a dump, which is then repeated, up to this many attempts.
constexpr int kDumpAttempts = 3;

struct alignas(NLMSG_ALIGNTO) Request {
  nlmsghdr header{};
  ifinfomsg link{};
  uint8_t attributes[64] = {};

  explicit Request(uint16_t flags) {
    header.nlmsg_len = NLMSG_LENGTH(sizeof link);
    header.nlmsg_type = RTM_GETLINK;
    header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
    link.ifi_family = AF_UNSPEC;
  }

  void add(uint16_t type, const void* data, size_t bytes) {
    auto* at = reinterpret_cast<uint8_t*>(this) + NLMSG_ALIGN(header.nlmsg_len);
    const rtattr attribute{static_cast<uint16_t>(RTA_LENGTH(bytes)), type};
    memcpy(at, &attribute, sizeof attribute);
    memcpy(at + RTA_LENGTH(0), data, bytes);
    header.nlmsg_len = static_cast<uint32_t>(NLMSG_ALIGN(header.nlmsg_len) + RTA_SPACE(bytes));
  }
};
static_assert(sizeof(nlmsghdr) + sizeof(ifinfomsg) == NLMSG_LENGTH(sizeof(ifinfomsg)));

std::string text_of(const rtattr* attribute) {
  const auto* text = static_cast<const char*>(RTA_DATA(attribute));
  return {text, strnlen(text, RTA_PAYLOAD(attribute))};
}

LinkStats stats_of(const rtattr* attribute) {
  rtnl_link_stats64 from{};
  memcpy(&from, RTA_DATA(attribute), std::min<size_t>(RTA_PAYLOAD(attribute), sizeof from));
  LinkStats stats;
  stats.rx_packets = from.rx_packets;
  stats.rx_bytes = from.rx_bytes;
  stats.rx_dropped = from.rx_dropped;
  stats.tx_packets = from.tx_packets;
  stats.tx_bytes = from.tx_bytes;
  stats.tx_dropped = from.tx_dropped;
  stats.rx_lost = from.rx_missed_errors + from.rx_fifo_errors;
  return stats;
}

template <typename Visit>
void each_attribute(const rtattr* first, size_t bytes, Visit visit) {
  int left = static_cast<int>(bytes);
  for (auto* at = first; RTA_OK(at, left); at = RTA_NEXT(at, left)) visit(at);
}

Link read_link(const nlmsghdr* header) {
  Link link;
  ifinfomsg about;
  memcpy(&about, NLMSG_DATA(header), sizeof about);
  link.index = static_cast<unsigned>(about.ifi_index);
  link.type = about.ifi_type;
  link.up = (about.ifi_flags & IFF_UP) != 0;
  const auto* body = static_cast<const uint8_t*>(NLMSG_DATA(header));
  const auto* first = reinterpret_cast<const rtattr*>(body + NLMSG_ALIGN(sizeof about));
  each_attribute(first, IFLA_PAYLOAD(header), [&](const rtattr* attribute) {
    switch (attribute->rta_type & NLA_TYPE_MASK) {
      case IFLA_IFNAME:
        link.name = text_of(attribute);
        break;
      case IFLA_MTU:
        memcpy(&link.mtu, RTA_DATA(attribute),
               std::min<size_t>(RTA_PAYLOAD(attribute), sizeof link.mtu));
        break;
      case IFLA_STATS64:
        link.stats = stats_of(attribute);
        break;
      case IFLA_LINKINFO:
        each_attribute(static_cast<const rtattr*>(RTA_DATA(attribute)), RTA_PAYLOAD(attribute),
                       [&](const rtattr* info) {
                         if (info->rta_type == IFLA_INFO_KIND) link.kind = text_of(info);
                       });
        break;
      default:
        break;
    }
  });
  return link;
}

// One answer: its links, and whether more will come.
struct Answer {
  bool done = false;
  bool interrupted = false;
  int error = 0;
  std::vector<Link>* links;

  void read(const uint8_t* bytes, size_t size, uint32_t sequence) {
    size_t left = size;
    for (auto* header = reinterpret_cast<const nlmsghdr*>(bytes); NLMSG_OK(header, left);
         header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_seq != sequence) continue;
      interrupted |= (header->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
      if (header->nlmsg_type == NLMSG_DONE) done = true;
      if (header->nlmsg_type == NLMSG_ERROR) {
        nlmsgerr fault{};
        memcpy(&fault, NLMSG_DATA(header), sizeof fault.error);
        error = -fault.error;
        done = true;
      }
      if (header->nlmsg_type != RTM_NEWLINK) continue;
      links->push_back(read_link(header));
      if ((header->nlmsg_flags & NLM_F_MULTI) == 0) done = true;
    }
  }
};

Answer ask(int fd, Request& request, uint32_t sequence, std::vector<Link>& links) {
  Answer answer;
  answer.links = &links;
  request.header.nlmsg_seq = sequence;
  if (send(fd, &request, request.header.nlmsg_len, 0) < 0) {
    answer.error = errno;
    return answer;
  }
  std::vector<uint64_t> buffer(kAnswerBytes / sizeof(uint64_t));
  auto* bytes = reinterpret_cast<uint8_t*>(buffer.data());
  while (!answer.done) {
    const ssize_t size = recv(fd, bytes, kAnswerBytes, 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) {
      answer.error = errno;
      return answer;
    }
    answer.read(bytes, static_cast<size_t>(size), sequence);
  }
  return answer;
}

}  // namespace

LinkMonitor::LinkMonitor() : fd_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {
  // The kernel answers within send(). The limit is for a kernel that does not.
  const timeval wait{kReceiveSeconds, 0};
  if (fd_ < 0) open_errno_ = errno;
  if (fd_ >= 0) setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
}

LinkMonitor::~LinkMonitor() {
  if (fd_ >= 0) close(fd_);
}

int LinkMonitor::query(const std::string& name, Link& link) {
  link = Link{};
  // The kernel would refuse this name with EINVAL.
  if (name.empty() || name.size() >= IFNAMSIZ) return 0;
  if (fd_ < 0) return open_errno_;
  Request request(0);
  request.add(IFLA_IFNAME, name.c_str(), name.size() + 1);
  std::vector<Link> links;
  const Answer answer = ask(fd_, request, ++sequence_, links);
  if (answer.error == ENODEV) return 0;
  if (answer.error == 0 && !links.empty()) link = std::move(links.front());
  return answer.error;
}

int LinkMonitor::list(std::vector<Link>& links) {
  if (fd_ < 0) return open_errno_;
  for (int attempt = 1;; ++attempt) {
    links.clear();
    Request request(NLM_F_DUMP);
    // Statistics would be most of an answer.
    const uint32_t mask = RTEXT_FILTER_SKIP_STATS;
    request.add(IFLA_EXT_MASK, &mask, sizeof mask);
    const Answer answer = ask(fd_, request, ++sequence_, links);
    if (answer.error != 0) return answer.error;
    if (!answer.interrupted || attempt == kDumpAttempts) return 0;
  }
}

std::string interface_names() {
  std::vector<Link> links;
  LinkMonitor().list(links);
  std::string names;
  for (const Link& link : links) names += (names.empty() ? "" : ", ") + link.name;
  return names;
}

}  // namespace tunmeter
