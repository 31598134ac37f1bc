#include "base/time_text.h"

#include <fmt/format.h>

#include <chrono>

namespace upnext::base {
namespace {

constexpr int64_t kFirstMs = -62'167'219'200'000;  // 0000-01-01T00:00:00.000Z
constexpr int64_t kLastMs = 253'402'300'799'999;   // 9999-12-31T23:59:59.999Z

// Reads a text from the left; the first mismatch makes every later step fail too.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}
  int Digits(size_t n, int min, int max) {
    int value = 0;
    if (rest_.size() < n) return Fail();
    for (size_t i = 0; i < n; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') return Fail();
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(n);
    return value < min || value > max ? Fail() : value;
  }
  bool Take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void Need(char c) {
    if (!Take(c)) Fail();
  }
  // ".5", ".123456": milliseconds, further digits cut off.
  int Fraction() {
    int value = 0, scale = 100;
    bool any = false;
    while (!rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9') {
      value += (rest_.front() - '0') * scale;
      scale /= 10;
      any = true;
      rest_.remove_prefix(1);
    }
    return any ? value : Fail();
  }
  bool ok() const { return ok_; }
  bool done() const { return ok_ && rest_.empty(); }

 private:
  int Fail() {
    ok_ = false;
    return 0;
  }
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace

std::string FormatTime(int64_t ms) {
  if (ms < kFirstMs || ms > kLastMs) return fmt::format("{} ms since 1970", ms);
  const std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds(ms)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

std::optional<int64_t> ParseTime(std::string_view text) {
  Scanner scan(text);
  const int year = scan.Digits(4, 1, 9999);
  scan.Need('-');
  const int month = scan.Digits(2, 1, 12);
  scan.Need('-');
  const int day = scan.Digits(2, 1, 31);
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  int64_t ms = 0;
  if (scan.Take('T') || scan.Take(' ')) {
    ms += 3'600'000LL * scan.Digits(2, 0, 23);
    scan.Need(':');
    ms += 60'000LL * scan.Digits(2, 0, 59);
    if (scan.Take(':')) {
      ms += 1000LL * scan.Digits(2, 0, 59);
      if (scan.Take('.')) ms += scan.Fraction();
    }
  }
  if (!scan.Take('Z')) {
    const int sign = scan.Take('-') ? -1 : 1;
    if (sign == 1) scan.Need('+');
    int64_t offset = 3'600'000LL * scan.Digits(2, 0, 14);
    scan.Take(':');
    offset += 60'000LL * scan.Digits(2, 0, 59);
    ms -= sign * offset;
  }
  if (!scan.done() || !date.ok()) return std::nullopt;
  const std::chrono::sys_days days{date};
  return ms + 86'400'000LL * days.time_since_epoch().count();
}

}  // namespace upnext::base
