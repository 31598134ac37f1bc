#include "features/low_rating.h"

#include <gtest/gtest.h>

#include <cmath>

#include "features/test_log.h"
#include "schema/event.h"

namespace upnext::features {
namespace {

float LowOf(const std::vector<float>& ratings) {
  std::vector<schema::RawEvent> events = {Watch("u", "a", Minutes(0), 99)};
  for (const float rating : ratings) {
    events.push_back(
        Of(schema::EventType::kRating, "u", "a", Minutes(static_cast<double>(events.size()))));
    events.back().value = rating;
  }
  return LowRatingOf(TestLog(events, {}, {}).log());
}

TEST(LowRating, IsTheLowestThirdOfTheRangeOfTheLogsRatings) {
  EXPECT_NEAR(LowOf({1, 3, 5}), 2 + 1.0 / 3, 1e-6);
  EXPECT_EQ(LowOf({10, 1, 7}), 4);
  EXPECT_NEAR(LowOf({1, 0}), 1.0 / 3, 1e-6);
}

TEST(LowRating, WithoutTwoDifferentRatingsNoneIsLow) {
  EXPECT_TRUE(std::isnan(LowOf({})));
  EXPECT_TRUE(std::isnan(LowOf({5, 5})));
}

}  // namespace
}  // namespace upnext::features
