#include "import/event_times.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "import/test_import.h"
#include "log/event_log.h"

namespace upnext::import {
namespace {

using base::kDayMs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kStart = 19'700 * kDayMs;  // a midnight in 2023

TEST(EventTimes, TheBulkReachesAsFarAsEventsGoOn) {
  EventTimes times;
  for (int64_t day = 0; day < 100; ++day) times.Add(kStart + day * kDayMs + 5);
  EXPECT_EQ(times.Plausible({.days_ahead = 30, .days_behind = 50}, {}),
            (TimeSpan{kStart - 50 * kDayMs, kStart + 130 * kDayMs - 1}));
  times.Add(kStart + 129 * kDayMs);  // 30 days after the last
  EXPECT_EQ(times.Plausible({.days_ahead = 30, .days_behind = 50}, {}).last_ms,
            kStart + 160 * kDayMs - 1);
  times.Add(kStart + 160 * kDayMs);  // and one 31 days after that
  EXPECT_EQ(times.Plausible({.days_ahead = 30, .days_behind = 50}, {}).last_ms,
            kStart + 160 * kDayMs - 1);
  EXPECT_EQ(times.Plausible({.days_ahead = 109'573, .days_behind = 109'573}, {}),
            (TimeSpan{schema::kEarliestMs, schema::kLatestMs + kDayMs - 1}));
}

TEST(EventTimes, AFewWrongClocksInEveryYearDoNotStretchTheBulk) {
  EventTimes times;
  for (int64_t i = 0; i < 1'000'000; ++i) times.Add(kStart + i * 60'000);
  for (int64_t i = 0; i < 1000; ++i) times.Add(kStart + i * 40 * kDayMs / 10);
  const TimeSpan span = times.Plausible({}, {});
  EXPECT_LT(span.last_ms, kStart + (695 + 2 * 30) * kDayMs);
}

TEST(EventTimes, ALongGapWithinTheLogIsNoMistake) {
  EventTimes times;
  for (int64_t i = 0; i < 500; ++i) {
    times.Add(kStart + i * 1000);
    times.Add(kStart + 400 * kDayMs + i * 1000);
  }
  const TimeSpan span = times.Plausible({.days_ahead = 30, .days_behind = 30}, {});
  EXPECT_LT(span.first_ms, kStart);
  EXPECT_GT(span.last_ms, kStart + 400 * kDayMs);
}

TEST(EventTimes, FewEventsAreJudgedByTheLogThatTheyJoin) {
  EventTimes times;
  for (int i = 0; i < 9; ++i) times.Add(kStart + i);
  times.Add(kStart + 4000 * kDayMs);
  EXPECT_GE(times.Plausible({}, {}).last_ms, kStart + 4000 * kDayMs);
  const TimeSpan base = {.first_ms = kStart - 90 * kDayMs, .last_ms = kStart - 80 * kDayMs};
  const TimeSpan span = times.Plausible({}, base);
  EXPECT_GT(span.last_ms, kStart + 8) << "a pause of 80 days before an append is none";
  EXPECT_LT(span.last_ms, kStart + 4000 * kDayMs);
}

TEST(EventTimes, KnowsTimesThatWentThroughAFloat) {
  EventTimes floats, seconds, days, milliseconds;
  for (int64_t i = 0; i < 400; ++i) {
    const int64_t time = 1'704'067'200 + i * 15;
    floats.Add(static_cast<int64_t>(static_cast<float>(time)) * 1000);
    seconds.Add(time * 1000);
    days.Add(kStart + i * kDayMs + 8 * 3'600'000);
    milliseconds.Add(kStart + i * 128'000 + 1);
  }
  EXPECT_TRUE(floats.AreFloats());
  EXPECT_FALSE(seconds.AreFloats());
  EXPECT_FALSE(days.AreFloats());
  EXPECT_FALSE(milliseconds.AreFloats());
  floats.Add(1'704'067'201'000);
  EXPECT_FALSE(floats.AreFloats());
  EventTimes once;
  for (int i = 0; i < 100; ++i) once.Add(1'704'067'328'000);
  EXPECT_FALSE(once.AreFloats()) << "one time alone is no evidence";
}

// A thousand events an hour apart, from 2024-01-01, and the times given.
std::string WithTimes(std::string_view more) {
  return fmt::format(
      "SELECT 'u' || range % 9 AS \"user\", 'i' || range % 7 AS item, 1704067200 + range * 3600 AS time, "
      "'click' AS type FROM range(1000) UNION ALL SELECT 'v', 'j', t, 'click' FROM (VALUES {}) v(t)",
      more);
}

TEST_F(ImportTest, ClocksFarFromTheBulkAreCountedListedAndLeftOut) {
  ImportOptions options = {.events_sql =
                               WithTimes("(0), (4102444800), (1704067200), (4102444800.5)")};
  const log::EventLog log = RunAndOpen(options);
  EXPECT_EQ(report_.events, 1001u);
  EXPECT_EQ(report_.implausible_times, 3u);
  EXPECT_EQ(report_.rejected_events, 0u) << "they count for no max_rejects";
  EXPECT_EQ(log.events(), 1001u);
  EXPECT_EQ(log.stats().first_ms, 1'704'067'200'000);
  EXPECT_EQ(log.stats().last_ms, 1'704'067'200'000 + 999 * 3'600'000LL);
  EXPECT_THAT(report_.warnings,
              ElementsAre(AllOf(HasSubstr("3 of 1004 times are far from all others"),
                                HasSubstr("2 lie after 2024-03-12 and 1 before 2014-01-0"),
                                HasSubstr("max_days_ahead and max_days_behind"))));
  EXPECT_THAT(
      Rejects(),
      AllOf(HasSubstr("events,,,,time 1970-01-01T00:00:00.000Z is more than "
                      "max_days_behind = 3650 days before the bulk of the log,\"user v, item j\""),
            HasSubstr("max_days_ahead = 30 days after")));
  options.time_limits = {.days_ahead = 100'000, .days_behind = 100'000};
  EXPECT_EQ(RunAndOpen(options).events(), 1004u);
  EXPECT_EQ(report_.implausible_times, 0u);
}

TEST_F(ImportTest, AnAppendIsJudgedByTheLogThatItJoins) {
  RunAndOpen({.events_sql = WithTimes("(1704067200)")});
  const log::EventLog log = RunAndOpen(
      {.events_sql = "SELECT 'w' AS \"user\", 'i' AS item, t AS time, 'click' AS type FROM (VALUES "
                     "(1710000000), (1710000001), (1710000002), (4102444800)) v(t)",
       .append = true});
  EXPECT_EQ(report_.implausible_times, 1u);
  EXPECT_EQ(log.stats().last_ms, 1'710'000'002'000);
}

TEST_F(ImportTest, TimesOfAFloatAreRefusedAndKnownAfterACast) {
  const std::string rows =
      "SELECT 'u' AS \"user\", range AS item, {} AS time, 'click' AS type FROM range(400)";
  EXPECT_THAT(
      Refused({.events_sql = fmt::format(fmt::runtime(rows), "(1704067200 + range)::FLOAT")})
          .message,
      AllOf(HasSubstr("'time' is FLOAT"), HasSubstr("steps of 128"),
            HasSubstr("CAST(... AS DOUBLE) AS time")));
  RunAndOpen(
      {.events_sql = fmt::format(fmt::runtime(rows), "(1704067200 + range * 15)::FLOAT::DOUBLE")});
  EXPECT_THAT(report_.warnings,
              ElementsAre(HasSubstr("all 400 times are what a 32-bit float holds")));
  RunAndOpen({.events_sql = fmt::format(fmt::runtime(rows), "1704067200 + range * 15")});
  EXPECT_THAT(report_.warnings, IsEmpty());
}

TEST_F(ImportTest, SaysHowToReadATimeInAnotherFormat) {
  const auto message = [&](std::string_view time) {
    return Refused({.events_sql = fmt::format(
                        "SELECT 'u' AS \"user\", 'i' AS item, {} AS time, 'click' AS type", time)})
        .message;
  };
  EXPECT_THAT(message("'2024-03-10 12:00:00 -0300'"),
              HasSubstr("write strptime(..., '%Y-%m-%d %H:%M:%S %z') AS time"));
  EXPECT_THAT(message("'13-03-2024 12:00'"), HasSubstr("strptime(..., '%d-%m-%Y %H:%M')"));
  EXPECT_THAT(message("'03/13/2024'"), HasSubstr("strptime(..., '%m/%d/%Y')"));
  EXPECT_THAT(message("'Sun, 10 Mar 2024 12:00:00 GMT'"),
              HasSubstr("strptime(..., '%a, %d %b %Y %H:%M:%S %Z')"));
  EXPECT_THAT(message("'yesterday'"), HasSubstr("another format is read by strptime("));
  for (const char* dates : {"20240310", "'20240310'", "20240310::DOUBLE"}) {
    EXPECT_THAT(message(dates), AllOf(HasSubstr("numbers like 20240310"),
                                      HasSubstr("strptime(CAST(... AS VARCHAR), '%Y%m%d')")))
        << dates;
  }
  EXPECT_THAT(message("20240310120000"),
              HasSubstr("strptime(CAST(... AS VARCHAR), '%Y%m%d%H%M%S')"));
  for (const char* read :
       {"strptime('2024-03-10 12:00:00 -0300', '%Y-%m-%d %H:%M:%S %z')",
        "strptime('Sun, 10 Mar 2024 15:00:00 GMT', '%a, %d %b %Y %H:%M:%S %Z')"}) {
    const log::EventLog log =
        RunAndOpen({.events_sql = fmt::format(
                        "SELECT 'u' AS \"user\", 'i' AS item, {} AS time, 'click' AS type", read)});
    EXPECT_EQ(log.time_ms(0), 1'710'082'800'000) << read;
  }
}

}  // namespace
}  // namespace upnext::import
