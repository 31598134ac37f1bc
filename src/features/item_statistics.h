// What happened to each item, as running totals at the end of each UTC day: an example at time t
// sees only what was counted before t's day, so no example sees its future (RK-07).
//
//   ItemStatistics::Builder builder(catalogue.size(IdSpace::kItem));
//   for (event of the training part) builder.Add(event, rule.IsComplete(event, item));
//   ItemStatistics statistics = std::move(builder).Build();
//   ItemCounts so_far = statistics.At(item, context.time_ms);
//
// Immutable after Build or Load: any number of threads. A Builder is one thread's; several can be
// merged, in any order, with the same result.
#ifndef UPNEXT_FEATURES_ITEM_STATISTICS_H_
#define UPNEXT_FEATURES_ITEM_STATISTICS_H_

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/section_file.h"
#include "base/status.h"
#include "schema/event.h"

namespace upnext::features {

struct ItemCounts {
  float impressions = 0, clicks = 0, watches = 0, complete = 0, likes = 0, dislikes = 0,
        watch_s = 0;
  friend bool operator==(const ItemCounts&, const ItemCounts&) = default;
};

class ItemStatistics {
 public:
  class Builder;
  // Totals over days before the day of `time_ms`; after the last learned day, all of it. Zeros for
  // an item without events or unknown.
  ItemCounts At(uint32_t item, int64_t time_ms) const;
  // The mean over the items that have events, for smoothing. Its ratios are those of the whole
  // training part.
  ItemCounts Prior() const { return prior_; }

  // Sections item_statistics.{offsets,days,totals,prior}.
  Status Save(base::SectionWriter& writer) const;
  static Result<ItemStatistics> Load(const base::SectionFile& file);

 private:
  friend class Builder;
  std::vector<uint64_t> offsets_{0};  // by item: its entries, one per day with events
  std::vector<int32_t> days_;         // days since the epoch
  std::vector<ItemCounts> totals_;    // up to and including that day
  ItemCounts prior_;
};

class ItemStatistics::Builder {
 public:
  explicit Builder(uint32_t items) : items_(items) {}
  // Impressions, clicks, watches, likes, dislikes and dismissals count, and `complete` events when
  // `complete` says so; events of other types and of items >= `items` do not.
  void Add(const schema::Event& event, bool complete);
  void Merge(const Builder& other);
  ItemStatistics Build() const;

 private:
  // Whole numbers, so that sums do not depend on the order of addition.
  struct DayCounts {
    uint64_t impressions = 0, clicks = 0, watches = 0, complete = 0, likes = 0, dislikes = 0,
             watch_ms = 0;
    void Add(const DayCounts& other);
    ItemCounts ToFloat() const;
  };
  uint32_t items_;
  // By item in the upper half, day (offset to be unsigned) in the lower.
  boost::unordered_flat_map<uint64_t, DayCounts> days_;
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_ITEM_STATISTICS_H_
