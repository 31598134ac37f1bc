// The number of files that the process may have open, which sockets count as.
//
//   const size_t files = RaiseFileLimit(5000);
//
// For the whole process; at its start.
#ifndef UPNEXT_NET_FILE_LIMIT_H_
#define UPNEXT_NET_FILE_LIMIT_H_

#include <sys/resource.h>

#include <algorithm>
#include <cstddef>

namespace upnext::net {

// Raises the limit to `wanted`, or as far as the machine allows; never lowers it. Returns it.
inline size_t RaiseFileLimit(size_t wanted) {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = std::clamp<rlim_t>(wanted, before, std::max(before, limit.rlim_max));
  return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

}  // namespace upnext::net

#endif  // UPNEXT_NET_FILE_LIMIT_H_
