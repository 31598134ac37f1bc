#include "training/time_information.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/test_folder.h"
#include "features/test_log.h"
#include "log/event_log.h"
#include "schema/raw_event.h"
#include "schema/schema.h"
#include "training/coverage.h"

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

TEST(TimeInformation, AShardIsReadFromItsFirstRow) {
  std::vector<schema::RawEvent> events;
  for (int i = 0; i < 400; ++i) {
    events.push_back({.user = "u" + std::to_string(i % 40),
                      .item = "i" + std::to_string(i / 40),
                      .time_ms = 1'700'000'000'000 + i % 13 * 86'400'000,
                      .type = schema::EventType::kComplete});
  }
  const base::TestFolder folder;
  ASSERT_TRUE(
      log::WriteEventLog(folder.path(), events, {}, {}, /*shards=*/2,
                         schema::Schema::Parse("schema.requests.page = 'category'").value()));
  for (const uint32_t shard : {0u, 1u}) {
    const auto log = log::EventLog::Open(folder.path(), shard);
    ASSERT_TRUE(log) << log.error().message;
    ASSERT_GT(log->events(), 100u);
    EXPECT_THAT(WhyTimesSayNothing(*log), HasSubstr("dates"));
    EXPECT_THAT(WhichRequestAttributesAreAbsent(*log), HasSubstr("no event of the log has page"));
  }
}

TEST(TimeInformation, TimesOfADayOrDatesOfMonthsSaySomething) {
  EXPECT_EQ(WhyOf([](int64_t i) { return i * i * 1000; }), "");
  EXPECT_EQ(WhyOf([](int64_t i) { return i % 90 * 86'400'000; }), "");
  EXPECT_EQ(WhyOf([](int64_t i) { return i % 13 * 86'400'000 + i / 199 * 1000; }), "");
}

}  // namespace
}  // namespace upnext::training
