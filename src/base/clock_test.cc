#include "base/clock.h"

#include <gtest/gtest.h>

namespace upnext::base {
namespace {

TEST(Clock, FixedStandsStillAndSystemIsAfterThisWasWritten) {
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
