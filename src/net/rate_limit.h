// At most so many requests a second from each caller: token buckets in bounded memory.
//
//   RateLimit limit;
//   if (!limit.Take(fmt::format("{} {}", key.id, client), 20, now_ms)) ...     429
//
// A bucket holds the requests of one second, so that a page that loads may ask several times at once.
// Callers differ by a fingerprint; two that fall on the same bucket share it, and with 65,536
// buckets few do. Any number of threads.
#ifndef UPNEXT_NET_RATE_LIMIT_H_
#define UPNEXT_NET_RATE_LIMIT_H_

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/checksum.h"
#include "base/mutex.h"

namespace upnext::net {

class RateLimit {
 public:
  // True: the caller may ask, and what it asks costs is taken from its bucket: `cost` requests, of which `taken` were taken
  // before. What costs more than a full bucket is let through when that is full, and paid for by the requests after it.
  bool Take(std::string_view caller, uint32_t per_second, int64_t now_ms, uint32_t cost = 1,
            uint32_t taken = 0) {
    base::MutexLock lock(mutex_);
    if (buckets_.empty()) buckets_.resize(kBuckets);
    Bucket& bucket = buckets_[base::Fingerprint(caller) % kBuckets];
    const int64_t passed = std::max<int64_t>(0, now_ms - bucket.at_ms);
    bucket.at_ms = now_ms;  // also when the clock is set back
    bucket.left = bucket.is_new
                      ? per_second
                      : std::min<double>(per_second, bucket.left + static_cast<double>(passed) *
                                                                       per_second / 1e3);
    bucket.is_new = false;
    if (bucket.left + taken < std::min(cost, per_second)) {
      bucket.left += taken;  // a refused request costs nothing, or the bucket would never be full
      return false;
    }
    bucket.left -= cost - taken;
    return true;
  }

 private:
  static constexpr size_t kBuckets = 1 << 16;
  struct Bucket {
    double left = 0;  // below 0: a costly request is being paid for
    bool is_new = true;
    int64_t at_ms = 0;
  };
  base::Mutex mutex_;
  std::vector<Bucket> buckets_ UPNEXT_GUARDED_BY(mutex_);
};

}  // namespace upnext::net

#endif  // UPNEXT_NET_RATE_LIMIT_H_
