#include "features/live_counts.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "catalogue/test_log.h"
#include "schema/event.h"

namespace upnext::features {
namespace {

using catalogue::Minutes;

constexpr double kDay = 24 * 60;  // minutes

std::vector<LiveLists::Entry> ListOf(const LiveCounts& counts) {
  std::this_thread::sleep_for(LiveCounts::kRefresh);
  return counts.lists()->overall;
}

TEST(LiveCounts, TheOrderOfEventsDoesNotMatter) {
  const std::vector<double> minutes = {0, 700, 2 * kDay, 90, 3 * kDay};
  LiveCounts forward({}), backward({});
  const auto add = [&](LiveCounts& counts, size_t i) {
    counts.Add({.time_ms = Minutes(minutes[i]), .user = i, .item = static_cast<uint32_t>(i % 2)});
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
  LiveCounts counts({.half_life_hours = 1e6});
  const auto add = [&](uint32_t item, uint64_t user, double minutes) {
    counts.Add({.time_ms = Minutes(minutes), .user = user, .item = item});
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
  LiveCounts counts({.half_life_hours = 1e6, .by_region = false});
  const auto add = [&](uint32_t item, uint64_t user) {
    counts.Add({.time_ms = Minutes(1), .user = user, .item = item});
  };
  for (uint64_t user = 0; user < 5; ++user) add(7, user);
  for (uint32_t item = 100; item < 100 + 2 * TrendCounts::kMostCells; ++item) add(item, 1);
  const auto list = ListOf(counts);
  EXPECT_EQ(list.size(), TrendCounts::kListed);
  EXPECT_EQ(list[0].item, 7u);
  EXPECT_NEAR(list[0].score, 5, 1e-3);
}

// Sums are kept relative to a time that moves on before they are too large for a number.
TEST(TrendCounts, CountsOfThousandsOfHalfLivesLaterAreThoseOfNewOnes) {
  TrendCounts old({.half_life_hours = 1}), fresh({.half_life_hours = 1});
  old.Add({.time_ms = Minutes(0), .user = 1, .item = 9});
  for (TrendCounts* counts : {&old, &fresh}) {
    for (const double hours : {7000.0, 7001.0, 7003.0}) {
      counts->Add({.time_ms = Minutes(60 * hours), .user = 1, .item = 1, .region = 4});
    }
    counts->Add({.time_ms = Minutes(60 * 7002), .user = 1, .item = 2});
  }
  for (const uint32_t region : {schema::kNone, 4u}) {
    const LiveLists of_old = old.ListsOf(region), of_fresh = fresh.ListsOf(region);
    ASSERT_EQ(of_old.overall.size(), 2u);
    EXPECT_EQ(of_old.by_region.size(), region == 4 ? 1u : 0u);
    EXPECT_FLOAT_EQ(of_old.overall[0].score, 1 + 0.25f + 0.125f);
    EXPECT_FLOAT_EQ(of_old.overall[1].score, 0.5f);
    for (size_t i = 0; i < 2; ++i) {
      EXPECT_FLOAT_EQ(of_old.overall[i].score, of_fresh.overall[i].score);
    }
  }
}

}  // namespace
}  // namespace upnext::features
