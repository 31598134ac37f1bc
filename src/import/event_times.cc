#include "import/event_times.h"

#include <numeric>
#include <span>

namespace upnext::import {
namespace {

constexpr int64_t kShiftMs = base::kDayMs / 3;
// The first second that a 32-bit float may be too coarse for, with room to spare: 1978.
constexpr int64_t kCoarseMs = (int64_t{1} << 28) * 1000;
constexpr uint64_t kChangesToTell = 3;

bool IsFloat(int64_t time_ms) {
  if (time_ms % 1000 != 0) return false;
  const int64_t seconds = time_ms / 1000;
  return static_cast<int64_t>(static_cast<float>(seconds)) == seconds;
}

// 19000101 to 22001231, read as seconds.
bool IsDateNumber(int64_t time_ms) {
  const int64_t number = time_ms / 1000, month = number / 100 % 100, day = number % 100;
  return time_ms % 1000 == 0 && number >= 19'000'101 && number <= 22'001'231 && month >= 1 &&
         month <= 12 && day >= 1 && day <= 31;
}

// The last of `days` before which no stretch of `window` days has fewer than `enough` events.
// Begins at `day`.
size_t Reach(std::span<const uint64_t> days, size_t day, size_t window, uint64_t enough) {
  for (;;) {
    const std::span<const uint64_t> next =
        days.subspan(day + 1, std::min(window, days.size() - day - 1));
    if (std::reduce(next.begin(), next.end(), uint64_t{0}) < enough) return day;
    size_t last = next.size();
    while (next[last - 1] == 0) --last;
    day += last;
  }
}

}  // namespace

EventTimes::EventTimes() : days_(DayOf(schema::kLatestMs) + 1) {}

void EventTimes::Look(int64_t time_ms) {
  maybe_floats_ = maybe_floats_ && time_ms >= kCoarseMs && IsFloat(time_ms);
  maybe_dates_ = maybe_dates_ && IsDateNumber(time_ms);
  within_shifts_ = within_shifts_ || time_ms % kShiftMs != 0;
  changes_ += time_ms != previous_ms_ ? 1 : 0;
  previous_ms_ = time_ms;
}

bool EventTimes::AreFloats() const {
  return maybe_floats_ && within_shifts_ && changes_ > kChangesToTell;
}

size_t EventTimes::DayOfRank(uint64_t before) const {
  size_t day = 0;
  for (uint64_t seen = days_[0]; seen <= before && day + 1 < days_.size();) seen += days_[++day];
  return day;
}

TimeSpan EventTimes::Plausible(const TimeLimits& limits,
                               const std::optional<TimeSpan>& base) const {
  if (rows_ == 0) return {schema::kEarliestMs, schema::kLatestMs};
  const uint64_t tail = rows_ / 50, median = rows_ / 2;
  size_t first = DayOfRank(base ? median : tail),
         last = DayOfRank(base ? median : rows_ - 1 - tail);
  if (base) {
    first = std::min(first, DayOf(base->first_ms));
    last = std::max(last, DayOf(base->last_ms));
  }
  const uint64_t enough = std::max<uint64_t>(1, rows_ / 10'000);
  const auto ahead = static_cast<size_t>(limits.days_ahead),
             behind = static_cast<size_t>(limits.days_behind);
  last = Reach(days_, last, ahead, enough);
  const std::vector<uint64_t> backwards(days_.rbegin(), days_.rend());
  first = days_.size() - 1 - Reach(backwards, days_.size() - 1 - first, behind, enough);
  const auto day_ms = [](size_t day) {
    return schema::kEarliestMs + static_cast<int64_t>(day) * base::kDayMs;
  };
  return {.first_ms = day_ms(first - std::min(first, behind)),
          .last_ms = day_ms(std::min(last + ahead, days_.size() - 1) + 1) - 1};
}

}  // namespace upnext::import
