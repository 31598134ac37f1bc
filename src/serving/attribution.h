// What answers led to, by scenario and by the generator that proposed an item first: items that were served, and clicks
// and watched seconds that name the answer by its request id.
//
//   attribution.CountServed("home", slate.items);
//   attribution.CountEvent(event, record);         does nothing for an item that is not of the answer
//   for (const Attributed& row : attribution.rows()) ...
//
// Any number of threads. Since the start.
#ifndef UPNEXT_SERVING_ATTRIBUTION_H_
#define UPNEXT_SERVING_ATTRIBUTION_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "schema/raw_event.h"
#include "serving/slate.h"
#include "serving/slate_record.h"

namespace upnext::serving {

struct Attributed {
  std::string scenario, source;  // "" for [serving]
  uint64_t served = 0, clicks = 0;
  double watch_seconds = 0;
};

class Attribution {
 public:
  static constexpr size_t kMostRows = 500;  // what is beyond counts as "other"

  void CountServed(const std::string& scenario, std::span<const Recommendation> items);
  // A click, or a watch with its seconds. Others count nothing.
  void CountEvent(const schema::RawEvent& event, const SlateRecord& record);
  static bool Counts(const schema::RawEvent& event);
  std::vector<Attributed> rows() const;  // in order of scenario and source

 private:
  Attributed& Row(const std::string& scenario, const std::string& source) UPNEXT_REQUIRES(mutex_);
  mutable base::Mutex mutex_;
  std::map<std::pair<std::string, std::string>, Attributed> rows_ UPNEXT_GUARDED_BY(mutex_);
};

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_ATTRIBUTION_H_
