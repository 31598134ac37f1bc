// The times of the events of an import, as far as one event alone does not show a mistake: which are
// far from all others, and whether they look like something else than seconds since 1970.
//
//   EventTimes times;
//   times.Add(time_ms);  ...
//   const TimeSpan span = times.Plausible({.days_ahead = 30}, base);   events outside are left out
//
// Memory: 0.9 MB. One thread. Only the import includes it.
#ifndef UPNEXT_IMPORT_EVENT_TIMES_H_
#define UPNEXT_IMPORT_EVENT_TIMES_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "schema/event.h"

namespace upnext::import {

struct TimeSpan {
  int64_t first_ms = 0, last_ms = 0;  // both inclusive
  friend bool operator==(const TimeSpan&, const TimeSpan&) = default;
};

// How far from the bulk of a log an event may be, in days.
struct TimeLimits {
  int64_t days_ahead = 30, days_behind = 3650;
};

class EventTimes {
 public:
  EventTimes();
  void Add(int64_t time_ms) {  // of the years that an import takes
    ++days_[DayOf(time_ms)];
    span_.first_ms = rows_ == 0 ? time_ms : std::min(span_.first_ms, time_ms);
    span_.last_ms = rows_ == 0 ? time_ms : std::max(span_.last_ms, time_ms);
    ++rows_;
    if (maybe_floats_ || maybe_dates_) Look(time_ms);
  }

  const TimeSpan& span() const { return span_; }  // of all that were added
  // Where events are plausible. The bulk are all but 2 % of the events at either end; beside a log
  // that is there, `base`, its span and the median of the new events. From there it reaches as far as
  // each next `days_ahead` or `days_behind` days have an event in ten thousand (at least one), and
  // that number of days more. So fewer than 50 events are all plausible, unless they join a log.
  TimeSpan Plausible(const TimeLimits& limits, const std::optional<TimeSpan>& base) const;
  // Whether all times are seconds that a 32-bit float holds, which of times as they come only one in
  // 128 is. Not if they are whole days or shifts of eight hours.
  bool AreFloats() const;
  // Whether all times are numbers like 20240310.
  bool AreDates() const { return rows_ > 0 && maybe_dates_; }

 private:
  static size_t DayOf(int64_t time_ms) {
    return static_cast<size_t>(
        (std::clamp(time_ms, schema::kEarliestMs, schema::kLatestMs) - schema::kEarliestMs) /
        base::kDayMs);
  }
  void Look(int64_t time_ms);
  // The day of the event with `before` events before it.
  size_t DayOfRank(uint64_t before) const;

  std::vector<uint64_t> days_;  // events of each day since kEarliestMs
  uint64_t rows_ = 0;
  TimeSpan span_;
  bool maybe_floats_ = true, maybe_dates_ = true, within_shifts_ = false;
  int64_t previous_ms_ = 0;
  uint64_t changes_ = 0;  // from an event to the next, as long as one of the first two may hold
};

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_EVENT_TIMES_H_
