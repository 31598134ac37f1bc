// How many new names each client may add on a day, so that none of them can take the ids that are
// left for all. A client is what the caller says, such as an address; "" is one too.
//
//   NameQuota quota(200'000);
//   if (quota.Take("10.0.0.7", now_ms)) ...             the name gets an id
//
// Any number of threads. Days are those of UTC. When more clients come on a day than are kept apart,
// the others share the quota of one.
#ifndef UPNEXT_STORE_NAME_QUOTA_H_
#define UPNEXT_STORE_NAME_QUOTA_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/mutex.h"

namespace upnext::store {

class NameQuota {
 public:
  explicit NameQuota(uint64_t per_client_and_day) : most_(per_client_and_day) {}

  // Takes one of the client's names of this day; false when none is left.
  bool Take(std::string_view client, int64_t now_ms);

  static constexpr size_t kMostClients = 10'000;

 private:
  const uint64_t most_;
  base::Mutex mutex_;
  int64_t day_ UPNEXT_GUARDED_BY(mutex_) = 0;
  std::map<std::string, uint64_t, std::less<>> taken_ UPNEXT_GUARDED_BY(mutex_);
};

}  // namespace upnext::store

#endif  // UPNEXT_STORE_NAME_QUOTA_H_
