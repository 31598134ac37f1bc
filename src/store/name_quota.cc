#include "store/name_quota.h"

#include "base/clock.h"

namespace upnext::store {
namespace {

constexpr std::string_view kOtherClients = "*";  // no address

}  // namespace

bool NameQuota::Take(std::string_view client, int64_t now_ms) {
  base::MutexLock lock(mutex_);
  if (const int64_t day = now_ms / base::kDayMs; day != day_) {
    day_ = day;
    taken_.clear();
  }
  auto at = taken_.find(client);
  if (at == taken_.end()) {
    const std::string_view name = taken_.size() < kMostClients ? client : kOtherClients;
    at = taken_.try_emplace(std::string(name), 0).first;
  }
  if (at->second >= most_) return false;
  ++at->second;
  return true;
}

}  // namespace upnext::store
