#include "base/clock.h"

#include <gtest/gtest.h>

namespace upnext::base {
namespace {

TEST(FormatTime, WritesIsoTimeInUtc) {
  EXPECT_EQ(FormatTime(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(FormatTime(1'714'979'289'123), "2024-05-06T07:08:09.123Z");
  EXPECT_EQ(FormatTime(951'782'400'000), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(FormatTime(-1), "1969-12-31T23:59:59.999Z");
}

TEST(FormatTime, SurvivesTimesThatOnlyDamagedDataHolds) {
  EXPECT_EQ(FormatTime(253'402'300'799'999), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(FormatTime(253'402'300'800'000), "253402300800000 ms since 1970");
  EXPECT_EQ(FormatTime(INT64_MIN), "-9223372036854775808 ms since 1970");
}

TEST(Clock, FixedIsConstantAndSystemIsAfterThisWasWritten) {
  FixedClock clock(5);
  EXPECT_EQ(clock.NowMs(), 5);
  clock.Advance(10);
  EXPECT_EQ(clock.NowMs(), 15);
  clock.Set(1);
  EXPECT_EQ(clock.NowMs(), 1);
  EXPECT_GT(SystemClock().NowMs(), 1'600'000'000'000);
}

}  // namespace
}  // namespace upnext::base
