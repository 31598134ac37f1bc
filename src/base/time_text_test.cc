#include "base/time_text.h"

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

TEST(ParseTime, ReadsOffsetsFractionsAndBareDates) {
  EXPECT_EQ(ParseTime("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(ParseTime("2022-04-19T00:00:00+08:00"), 1'650'297'600'000);
  EXPECT_EQ(ParseTime("2022-04-18T16:00:00Z"), 1'650'297'600'000);
  EXPECT_EQ(ParseTime("2022-04-18T10:30:00-0530"), 1'650'297'600'000);
  EXPECT_EQ(ParseTime("2022-04-18 16:00Z"), 1'650'297'600'000);
  EXPECT_EQ(ParseTime("2022-04-19+08:00"), 1'650'297'600'000);
  EXPECT_EQ(ParseTime("1970-01-01T00:00:00.25Z"), 250);
  EXPECT_EQ(ParseTime("1969-12-31T23:59:59.999999Z"), -1);
  EXPECT_EQ(ParseTime("2024-02-29Z"), 1'709'164'800'000);
}

TEST(ParseTime, RefusesWhatIsNoMoment) {
  for (const char* text : {"", "2022", "2022-04-19", "2022-04-19T00:00:00", "2022-13-01Z",
                           "2023-02-29Z", "2022-04-19T24:00:00Z", "2022-04-19T00:60:00Z",
                           "2022-04-19T00:00:00.Z", "2022-04-19T00:00:00+08:00x", "19-04-2022Z",
                           "2022-04-19T00Z", "2022-4-19Z", "2022-04-19T00:00:00+", "yesterday"}) {
    EXPECT_EQ(ParseTime(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace upnext::base
