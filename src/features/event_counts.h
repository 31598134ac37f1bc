// What happened to each item, and to each category that a plan asks for, as running totals at the
// end of each UTC day: an example at time t sees only what was counted before t's day, so no
// example sees its future (RK-07).
//
//   EventCounts::Builder builder(plan.everybody());
//   for (event of the training part) builder.Add(event, of(event), catalogue);
//   EventCounts counts = std::move(builder).Build();
//   const float* so_far = counts.At(table, item, context.time_ms);   by column, null: nothing yet
//
// Immutable after Build or Load: any number of threads. A Builder is one thread's; several can be
// merged, in any order, with the same result.
#ifndef UPNEXT_FEATURES_EVENT_COUNTS_H_
#define UPNEXT_FEATURES_EVENT_COUNTS_H_

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/section_file.h"
#include "base/status.h"
#include "catalogue/catalogue.h"
#include "features/state_spec.h"
#include "schema/event.h"

namespace upnext::features {

int64_t UtcDay(int64_t time_ms);  // since the epoch

class EventCounts {
 public:
  class Builder;
  // Totals over days before the day of `time_ms`, one float per column of the table; after the last
  // learned day, all of it. Null for a key without events before, or unknown.
  const float* At(size_t table, uint32_t key, int64_t time_ms) const;
  // The mean over the keys that have events, for smoothing. Its ratios are those of the whole
  // training part.
  std::span<const float> Prior(size_t table) const { return tables_[table].prior; }

  // The same counts of a table under other keys, see Vocabulary::Renumbered.
  void Renumber(size_t table, std::span<const uint32_t> old_keys);

  // Sections counts.T.{offsets,days,totals,prior} for each table T of `spec` but the first.
  Status Save(base::SectionWriter& writer) const;
  static Result<EventCounts> Load(const base::SectionFile& file, const StateSpec& spec);

 private:
  friend class Builder;
  struct Table {
    std::vector<uint64_t> offsets{0};  // by key: its entries, one per day with events
    std::vector<int32_t> days;         // days since the epoch
    std::vector<float> totals;         // [days, columns], up to and including that day
    std::vector<float> prior;          // [columns]
  };
  static Result<Table> LoadTable(const base::SectionFile& file, size_t table, size_t columns);
  std::vector<Table> tables_;  // the first stays empty
};

class EventCounts::Builder {
 public:
  explicit Builder(const StateSpec& spec);
  // `positive`, `interest`: what the positive rule says of it; `declared`: as of UserState::Apply.
  void Add(const schema::Event& event, bool positive, bool interest,
           const catalogue::Catalogue& catalogue,
           std::span<const schema::AttributeValue> declared = {});
  void Merge(const Builder& other);
  EventCounts Build() const;

 private:
  // Whole numbers, so that sums do not depend on the order of addition: events, thousandths of
  // values, millionths of shares. By key in the upper half of the index, day (offset to be
  // unsigned) in the lower; an entry is where its columns begin in `cells`.
  struct Days {
    boost::unordered_flat_map<uint64_t, uint32_t> entries;
    std::vector<uint64_t> cells;
    uint64_t* At(uint64_t key_and_day, size_t columns);
  };
  EventCounts::Table BuildTable(size_t table) const;
  StateSpec spec_;
  std::vector<Days> days_;  // by table
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_EVENT_COUNTS_H_
