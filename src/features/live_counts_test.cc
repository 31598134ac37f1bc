#include "features/live_counts.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "catalogue/test_log.h"
#include "schema/event.h"

namespace upnext::features {
namespace {

using catalogue::Minutes;
using catalogue::Watch;

constexpr double kDay = 24 * 60;  // minutes

std::vector<LiveLists::Entry> ListOf(const LiveCounts& counts) {
  std::this_thread::sleep_for(LiveCounts::kRefresh);
  return counts.lists()->overall;
}

TEST(LiveCounts, TheOrderOfEventsDoesNotMatter) {
  const catalogue::TestLog log({Watch("u", "a", Minutes(0), 99), Watch("u", "b", Minutes(1), 99)},
                               {}, {});
  const std::vector<double> minutes = {0, 700, 2 * kDay, 90, 3 * kDay};
  LiveCounts forward({}), backward({});
  const auto add = [&](LiveCounts& counts, size_t i) {
    counts.Add({.time_ms = Minutes(minutes[i]),
                .type = schema::EventType::kComplete,
                .item = static_cast<uint32_t>(i % 2)},
               i, log.catalogue(), {});
  };
  for (size_t i = 0; i < minutes.size(); ++i) add(forward, i);
  for (size_t i = minutes.size(); i > 0; --i) add(backward, i - 1);
  const auto one = ListOf(forward), two = ListOf(backward);
  ASSERT_EQ(one.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(one[i].item, two[i].item);
    EXPECT_NEAR(one[i].score, two[i].score, 1e-5);
  }
}

TEST(LiveCounts, AUserCountsOncePerItemAndHour) {
  const catalogue::TestLog log({Watch("u", "a", Minutes(0), 99), Watch("u", "b", Minutes(1), 99)},
                               {}, {});
  LiveCounts counts({.half_life_hours = 1e6});
  const auto add = [&](uint32_t item, uint64_t user, double minutes) {
    counts.Add({.time_ms = Minutes(minutes), .type = schema::EventType::kComplete, .item = item},
               user, log.catalogue(), {});
  };
  for (int i = 0; i < 1000; ++i) add(0, 1, 0.01 * i);
  for (uint64_t user = 0; user < 3; ++user) add(1, user, 5);
  const auto list = ListOf(counts);
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].item, 1u);
  EXPECT_NEAR(list[0].score, 3, 1e-3);
  EXPECT_NEAR(list[1].score, 1, 1e-3);
  add(0, 1, 61);
  EXPECT_NEAR(ListOf(counts)[1].score, 2, 1e-3) << "the next hour";
}

TEST(LiveCounts, ItemsBeyondTheMostLeaveSmallCountsFirst) {
  const catalogue::TestLog log({Watch("u", "a", Minutes(0), 99)}, {}, {});
  LiveCounts counts({.half_life_hours = 1e6, .by_region = false});
  const auto add = [&](uint32_t item, uint64_t user) {
    counts.Add({.time_ms = Minutes(1), .type = schema::EventType::kComplete, .item = item}, user,
               log.catalogue(), {});
  };
  for (uint64_t user = 0; user < 5; ++user) add(7, user);
  for (uint32_t item = 100; item < 100 + 2 * LiveCounts::kMostCells; ++item) add(item, 1);
  const auto list = ListOf(counts);
  EXPECT_EQ(list.size(), LiveCounts::kListed);
  EXPECT_EQ(list[0].item, 7u);
  EXPECT_NEAR(list[0].score, 5, 1e-3);
}

}  // namespace
}  // namespace upnext::features
