// Which events are the same: the one rule for the log, for the user states that a server folds, and
// so for everything that is made of them. Two events of a user are the same
//   - if both have an id: when the ids are equal;
//   - else: when they are equal in every column but the id, and in time. If one of them was posted and
//     the other comes from a file, their times may differ by the window (EventLog::same_event_ms()),
//     since a client and a site's own log seldom note the same millisecond.
// The one that is there first stays.
//
//   DuplicateFilter filter(&log, log.same_event_ms(), true);
//   for (event : by user, time) if (!filter.Seen(user, event, attributes)) ...
//
// Memory grows with the events that one user has within the window, and with the ids of one user.
// One thread.
#ifndef UPNEXT_LOG_DUPLICATES_H_
#define UPNEXT_LOG_DUPLICATES_H_

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "log/event_log.h"
#include "schema/event.h"

namespace upnext::log {

class DuplicateFilter {
 public:
  // `log` may be null; else its events count as seen, and it must outlive the filter. `posted`:
  // posted events will be asked about.
  DuplicateFilter(const EventLog* log, int64_t window_ms, bool posted);
  // Whether the event is one of those before or of the log; if not, it is one of those before from
  // now on. Users in any order, each once; the times of a user do not descend.
  bool Seen(uint32_t user, const schema::Event& event,
            std::span<const schema::AttributeValue> attributes);
  // The same question, but the event is not remembered. Times in any order; going back costs as much
  // as another user.
  bool Has(uint32_t user, const schema::Event& event,
           std::span<const schema::AttributeValue> attributes);
  // Whether the last event asked about is earlier than the last one its user has in the log.
  bool late() const { return late_; }

 private:
  // The columns but user, time and id; whether there is an id, and whether it was posted.
  using Key = std::array<uint32_t, 14>;
  struct Hash {
    size_t operator()(const Key& key) const;
  };
  static Key KeyOf(const schema::Event& event, std::span<const schema::AttributeValue> attributes);
  Key KeyOf(uint64_t row);  // of the log
  void MoveTo(uint32_t user, int64_t time_ms);
  void NextTime();
  void MoveWindow();
  bool Known(const schema::Event& event, const Key& key);
  std::unordered_set<uint64_t>& Ids();
  bool HasNow(const Key& key) const;
  void AddNow(const Key& key);
  void Forget(const Key& key);  // of the window

  const EventLog* log_;
  const int64_t window_ms_;
  const bool both_;  // posted events and events of files can meet
  uint32_t user_ = schema::kNone;
  int64_t time_ms_ = schema::kNoTime;
  uint64_t begin_ = 0, end_ = 0;  // the user's rows in the log
  uint64_t row_ = 0;              // the first of them at time_ms_ or later
  bool late_ = false;
  // The events at that time, as if none was posted: few lie in a list, many in a set.
  std::vector<Key> few_;
  std::unordered_set<Key, Hash> many_;
  // The events within the window around that time, counted: rows of the log, and those before.
  std::unordered_map<Key, uint32_t, Hash> window_;
  uint64_t window_begin_ = 0, window_end_ = 0;
  std::deque<std::pair<int64_t, Key>> before_;
  // All ids of the user, once one was asked about.
  std::unordered_set<uint64_t> ids_;
  bool has_ids_ = false;
  std::vector<schema::AttributeValue> attributes_;
};

}  // namespace upnext::log

#endif  // UPNEXT_LOG_DUPLICATES_H_
