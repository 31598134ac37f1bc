#include "training/time_information.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "features/test_log.h"
#include "schema/raw_event.h"

namespace upnext::training {
namespace {

using testing::HasSubstr;

// Event i of 200 at time_of(i).
template <typename TimeOf>
std::string WhyOf(const TimeOf& time_of) {
  std::vector<schema::RawEvent> events;
  for (int64_t i = 0; i < 200; ++i) {
    schema::RawEvent event;
    event.user = "u" + std::to_string(i % 20);
    event.item = "i" + std::to_string(i / 20);
    event.type = schema::EventType::kComplete;
    event.time_ms = 1'700'000'000'000 + time_of(i);
    events.push_back(event);
  }
  const features::TestLog log(events, {}, {});
  const std::string why = WhyTimesSayNothing(log.log());
  const features::FeatureSpec spec = WithoutUselessTimes({}, log.log());
  EXPECT_EQ(spec.Drops(kExampleAge), !why.empty());
  return why;
}

TEST(TimeInformation, TimesOfAFileWithoutTimesSayNothing) {
  EXPECT_THAT(WhyOf([](int64_t) { return 0; }), HasSubstr("the same time"));
  EXPECT_THAT(WhyOf([](int64_t i) { return 1000 * i; }), HasSubstr("consecutive numbers"));
  EXPECT_THAT(WhyOf([](int64_t i) { return i; }), HasSubstr("consecutive numbers"));
  EXPECT_THAT(WhyOf([](int64_t i) { return i % 13 * 86'400'000; }), HasSubstr("dates"));
}

TEST(TimeInformation, TimesOfADayOrDatesOfMonthsSaySomething) {
  EXPECT_EQ(WhyOf([](int64_t i) { return i * i * 1000; }), "");
  EXPECT_EQ(WhyOf([](int64_t i) { return i % 90 * 86'400'000; }), "");
  EXPECT_EQ(WhyOf([](int64_t i) { return i % 13 * 86'400'000 + i / 199 * 1000; }), "");
}

}  // namespace
}  // namespace upnext::training
