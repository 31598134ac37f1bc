#include "base/schedule.h"

#include <charconv>

#include "base/clock.h"

namespace upnext::base {
namespace {

constexpr int64_t kMinuteMs = 60'000, kHourMs = 60 * kMinuteMs;

// A whole number made of all of `digits`.
std::optional<int64_t> WholeNumber(std::string_view digits) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), number);
  if (digits.empty() || error != std::errc() || end != digits.end() || number < 0) return {};
  return number;
}

// "15m", in milliseconds.
std::optional<int64_t> Period(std::string_view text) {
  if (text.empty()) return {};
  const auto number = WholeNumber(text.substr(0, text.size() - 1));
  int64_t unit = 0;
  switch (text.back()) {
    case 's':
      unit = 1000;
      break;
    case 'm':
      unit = kMinuteMs;
      break;
    case 'h':
      unit = kHourMs;
      break;
    case 'd':
      unit = kDayMs;
      break;
    default:
      return {};
  }
  if (!number || *number < 1 || *number > 7 * kDayMs / unit) return {};
  return *number * unit;
}

// "03:00", in milliseconds after midnight.
std::optional<int64_t> TimeOfDay(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return {};
  const auto hour = WholeNumber(text.substr(0, 2)), minute = WholeNumber(text.substr(3));
  if (!hour || !minute || *hour > 23 || *minute > 59) return {};
  return *hour * kHourMs + *minute * kMinuteMs;
}

}  // namespace

Result<Schedule> Schedule::Parse(std::string_view text) {
  constexpr std::string_view kEvery = "every ", kAt = "at ";
  Schedule schedule;
  schedule.text_ = text;
  if (text == "never") return schedule;
  if (text.starts_with(kEvery)) {
    if (const auto period = Period(text.substr(kEvery.size()))) {
      schedule.period_ms_ = *period;
      return schedule;
    }
  } else if (text.starts_with(kAt)) {
    if (const auto time = TimeOfDay(text.substr(kAt.size()))) {
      schedule.period_ms_ = kDayMs;
      schedule.offset_ms_ = *time;
      return schedule;
    }
  }
  return InvalidArgument(
      "expected \"every 15m\" (a whole number of s, m, h or d, at most 7d), \"at 03:00\" (UTC) or "
      "\"never\", found \"{}\"",
      text);
}

std::optional<int64_t> Schedule::Next(int64_t ms) const {
  if (period_ms_ == 0) return std::nullopt;
  const int64_t since = ms - offset_ms_;
  const int64_t periods = since / period_ms_ - (since % period_ms_ < 0 ? 1 : 0);
  return (periods + 1) * period_ms_ + offset_ms_;
}

}  // namespace upnext::base
