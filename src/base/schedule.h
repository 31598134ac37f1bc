// When something is to happen again and again: "every 15m", "at 03:00" or "never". Times are UTC.
//
//   UPNEXT_ASSIGN_OR_RETURN(const Schedule schedule, Schedule::Parse("at 03:00"));
//   if (const auto next = schedule.Next(last_ms); next && *next <= clock.NowMs()) ...  due
//
// The times follow from the text alone: "every 15m" is at 00:00, 00:15, ... A value; any thread.
#ifndef UPNEXT_BASE_SCHEDULE_H_
#define UPNEXT_BASE_SCHEDULE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace upnext::base {

class Schedule {
 public:
  Schedule() = default;  // never
  // "every" with a whole number of s, m, h or d, up to 7d; "at HH:MM", every day; "never".
  // kInvalidArgument for all else.
  static Result<Schedule> Parse(std::string_view text);
  // The first time after `ms`; nullopt: never.
  std::optional<int64_t> Next(int64_t ms) const;
  const std::string& text() const { return text_; }

 private:
  std::string text_ = "never";
  int64_t period_ms_ = 0, offset_ms_ = 0;  // period 0: never
};

}  // namespace upnext::base

#endif  // UPNEXT_BASE_SCHEDULE_H_
