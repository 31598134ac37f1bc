// Finds events that were told before: equal to another of the same user in every column, time
// included. Used by LogWriter, so that no log holds an event twice.
//
//   DuplicateFilter filter(&log);
//   for (event : by user, time) if (!filter.Seen(user, event)) ...
//
// Memory grows with the events that one user has at one moment. One thread.
#ifndef UPNEXT_LOG_DUPLICATES_H_
#define UPNEXT_LOG_DUPLICATES_H_

#include <array>
#include <cstdint>
#include <unordered_set>
#include <vector>

#include "log/event_log.h"
#include "schema/event.h"

namespace upnext::log {

class DuplicateFilter {
 public:
  // `log` may be null; else its events count as seen, and it must outlive the filter.
  explicit DuplicateFilter(const EventLog* log) : log_(log) {}
  // Users in any order, each once; the times of a user do not descend.
  bool Seen(uint32_t user, const schema::Event& event);
  // Whether the last event asked about is earlier than the last one its user has in the log.
  bool late() const { return late_; }

 private:
  using Key = std::array<uint32_t, 11>;  // the columns but user and time
  struct Hash {
    size_t operator()(const Key& key) const;
  };
  static Key KeyOf(const schema::Event& event);
  bool Insert(const Key& key);  // false when it is there
  void NextTime(int64_t time_ms);

  const EventLog* log_;
  uint32_t user_ = schema::kNone;
  int64_t time_ms_ = schema::kNoTime;
  uint64_t row_ = 0, end_ = 0;  // the user's rows in the log from time_ms_ on
  bool late_ = false;
  // The events at that time: few lie in a list, many in a set.
  std::vector<Key> few_;
  std::unordered_set<Key, Hash> many_;
};

}  // namespace upnext::log

#endif  // UPNEXT_LOG_DUPLICATES_H_
