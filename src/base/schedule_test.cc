#include "base/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/time_text.h"

namespace upnext::base {
namespace {

std::string NextOf(std::string_view schedule, std::string_view after) {
  const auto parsed = Schedule::Parse(schedule);
  EXPECT_TRUE(parsed) << parsed.error().message;
  const auto next = parsed->Next(*ParseTime(after));
  return next ? FormatTime(*next) : "never";
}

TEST(Schedule, EveryIsAtWholeMultiplesOfThePeriod) {
  EXPECT_EQ(NextOf("every 15m", "2026-05-01T10:07:00Z"), "2026-05-01T10:15:00.000Z");
  EXPECT_EQ(NextOf("every 15m", "2026-05-01T10:15:00Z"), "2026-05-01T10:30:00.000Z");
  EXPECT_EQ(NextOf("every 1s", "2026-05-01T10:15:00.001Z"), "2026-05-01T10:15:01.000Z");
  EXPECT_EQ(NextOf("every 6h", "2026-05-01T23:59:00Z"), "2026-05-02T00:00:00.000Z");
  EXPECT_EQ(NextOf("every 1d", "2026-05-01T00:00:00Z"), "2026-05-02T00:00:00.000Z");
  EXPECT_EQ(NextOf("every 1h", "1969-12-31T22:30:00Z"), "1969-12-31T23:00:00.000Z");
}

TEST(Schedule, AtIsOnceADayInUtc) {
  EXPECT_EQ(NextOf("at 03:00", "2026-05-01T02:59:59Z"), "2026-05-01T03:00:00.000Z");
  EXPECT_EQ(NextOf("at 03:00", "2026-05-01T03:00:00Z"), "2026-05-02T03:00:00.000Z");
  EXPECT_EQ(NextOf("at 03:00", "2026-05-01T05:30:00+03:00"), "2026-05-01T03:00:00.000Z");
  EXPECT_EQ(NextOf("at 23:59", "2026-02-28T23:59:30Z"), "2026-03-01T23:59:00.000Z");
}

TEST(Schedule, NeverHasNoTime) {
  EXPECT_EQ(NextOf("never", "2026-05-01T02:59:59Z"), "never");
  EXPECT_EQ(Schedule().Next(0), std::nullopt);
  EXPECT_EQ(Schedule().text(), "never");
}

// What a caller with a clock does: days that were missed are made up for once.
TEST(Schedule, MissedTimesAreDueOnce) {
  const Schedule daily = Schedule::Parse("at 03:00").value();
  FixedClock clock(*ParseTime("2026-05-01T04:00:00Z"));
  int64_t last = clock.NowMs();
  int runs = 0;
  const auto tick = [&] {
    if (*daily.Next(last) > clock.NowMs()) return;
    ++runs;
    last = clock.NowMs();
  };
  tick();
  EXPECT_EQ(runs, 0);
  clock.Advance(5 * kDayMs);
  tick();
  tick();
  EXPECT_EQ(runs, 1);
  clock.Set(*ParseTime("2026-05-07T03:00:00Z"));
  tick();
  EXPECT_EQ(runs, 2);
}

TEST(Schedule, OtherTextsAreRefusedWithWhatWasExpected) {
  for (const char* text : {"", "every", "every 0m", "every 8d", "every 15", "every m", "every -1m",
                           "every 1.5h", "at 3:00", "at 24:00", "at 03:60", "at 03:00:00", "03:00",
                           "at +3:00", "Never", "every 99999999999999999999s"}) {
    const auto parsed = Schedule::Parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Code::kInvalidArgument);
    EXPECT_THAT(parsed.error().message, testing::HasSubstr("expected \"every 15m\""));
  }
}

}  // namespace
}  // namespace upnext::base
