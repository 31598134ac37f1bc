#include "features/live_counts.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "base/checksum.h"
#include "catalogue/test_log.h"
#include "schema/raw_event.h"

namespace upnext::features {
namespace {

using catalogue::Minutes;
using catalogue::Watch;
using schema::RawEvent;

constexpr double kDay = 24 * 60;  // minutes

RawEvent InRegion(RawEvent event, const std::string& region) {
  event.region = region;
  return event;
}

// Names of a list, best first.
std::string Names(const catalogue::TestLog& log, const std::vector<LiveLists::Entry>& list) {
  std::string names;
  for (const LiveLists::Entry& entry : list) {
    names += log.catalogue().Name(schema::IdSpace::kItem, entry.item) + " ";
  }
  return names;
}

std::vector<LiveLists::Entry> ListOf(const LiveCounts& counts, uint32_t region = schema::kNone) {
  std::this_thread::sleep_for(LiveCounts::kRefresh);
  const auto lists = counts.lists();
  if (region == schema::kNone) return lists->overall;
  const auto found = lists->by_region.find(region);
  return found == lists->by_region.end() ? std::vector<LiveLists::Entry>() : found->second;
}

TEST(LiveCounts, NewestEventsOfTheLogCountMoreAndOldOnesDoNot) {
  std::vector<RawEvent> events;
  for (int i = 0; i < 5; ++i) events.push_back(Watch(fmt::format("a{}", i), "old", Minutes(0), 99));
  for (int i = 0; i < 3; ++i) {
    events.push_back(Watch(fmt::format("b{}", i), "of two days ago", Minutes(8 * kDay), 99));
  }
  for (int i = 0; i < 2; ++i) {
    events.push_back(Watch(fmt::format("c{}", i), "of now", Minutes(10 * kDay), 99));
  }
  events.push_back(Watch("d", "not complete", Minutes(10 * kDay), 1));
  const catalogue::TestLog log(events, {}, {});
  LiveCounts counts({.days = 7, .half_life_hours = 24});
  counts.AddLog(log.catalogue(), {});
  const auto list = ListOf(counts);
  EXPECT_EQ(Names(log, list), "of now of two days ago ");
  ASSERT_EQ(list.size(), 2u);
  EXPECT_FLOAT_EQ(list[0].score, 2);
  EXPECT_FLOAT_EQ(list[1].score, 3.0f / 4) << "two half-lives";
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

TEST(LiveCounts, RegionsHaveListsOfTheirOwn) {
  const catalogue::TestLog log(
      {InRegion(Watch("u", "a", Minutes(0), 99), "DE"),
       InRegion(Watch("v", "a", Minutes(1), 99), "DE"),
       InRegion(Watch("w", "b", Minutes(2), 99), "FR"), Watch("x", "c", Minutes(3), 99)},
      {}, {});
  const uint32_t de = log.catalogue().Find(schema::IdSpace::kRegion, "DE"),
                 fr = log.catalogue().Find(schema::IdSpace::kRegion, "FR");
  LiveCounts counts({.half_life_hours = 1e6});
  counts.AddLog(log.catalogue(), {});
  EXPECT_EQ(Names(log, ListOf(counts)), "a b c ") << "ties in order of their ids";
  EXPECT_EQ(Names(log, ListOf(counts, de)), "a ");
  EXPECT_EQ(Names(log, ListOf(counts, fr)), "b ");
  LiveCounts together({.by_region = false});
  together.AddLog(log.catalogue(), {});
  EXPECT_TRUE(ListOf(together, de).empty());
}

TEST(LiveCounts, ClicksCountWhereTheLogHasNoPositiveEvent) {
  const auto click = [](const char* user, const char* item, double minutes) {
    RawEvent event = Watch(user, item, Minutes(minutes), 0);
    event.type = schema::EventType::kClick;
    event.value = schema::kAbsent;
    return event;
  };
  const catalogue::TestLog clicks({click("u", "a", 0), click("v", "a", 1), click("v", "b", 2)}, {},
                                  {});
  LiveCounts counts({.half_life_hours = 1e6});
  counts.AddLog(clicks.catalogue(), {});
  EXPECT_EQ(Names(clicks, ListOf(counts)), "a b ");
  const catalogue::TestLog both({click("u", "a", 0), Watch("v", "b", Minutes(1), 99)}, {}, {});
  LiveCounts watches({});
  watches.AddLog(both.catalogue(), {});
  EXPECT_EQ(Names(both, ListOf(watches)), "b ");
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
