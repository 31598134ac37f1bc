#include "serving/live_events.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "catalogue/test_log.h"
#include "features/live_counts.h"
#include "schema/raw_event.h"

namespace upnext::serving {
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
std::string Names(const catalogue::TestLog& log,
                  const std::vector<features::LiveLists::Entry>& list) {
  std::string names;
  for (const features::LiveLists::Entry& entry : list) {
    names += log.catalogue().Name(schema::IdSpace::kItem, entry.item) + " ";
  }
  return names;
}

std::vector<features::LiveLists::Entry> ListOf(const features::LiveCounts& counts,
                                               uint32_t region = schema::kNone) {
  std::this_thread::sleep_for(features::LiveCounts::kRefresh);
  const auto lists = counts.lists();
  if (region == schema::kNone) return lists->overall;
  const auto found = lists->by_region.find(region);
  return found == lists->by_region.end() ? std::vector<features::LiveLists::Entry>()
                                         : found->second;
}

TEST(LiveEvents, NewestEventsOfTheLogCountMoreAndOldOnesDoNot) {
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
  features::LiveCounts counts({.days = 7, .half_life_hours = 24});
  ASSERT_TRUE(CountAll(log.catalogue(), {}, nullptr, nullptr, &counts));
  const auto list = ListOf(counts);
  EXPECT_EQ(Names(log, list), "of now of two days ago ");
  ASSERT_EQ(list.size(), 2u);
  EXPECT_FLOAT_EQ(list[0].score, 2);
  EXPECT_FLOAT_EQ(list[1].score, 3.0f / 4) << "two half-lives";
}

TEST(LiveEvents, RegionsHaveListsOfTheirOwn) {
  const catalogue::TestLog log(
      {InRegion(Watch("u", "a", Minutes(0), 99), "DE"),
       InRegion(Watch("v", "a", Minutes(1), 99), "DE"),
       InRegion(Watch("w", "b", Minutes(2), 99), "FR"), Watch("x", "c", Minutes(3), 99)},
      {}, {});
  const uint32_t de = log.catalogue().Find(schema::IdSpace::kRegion, "DE"),
                 fr = log.catalogue().Find(schema::IdSpace::kRegion, "FR");
  features::LiveCounts counts({.half_life_hours = 1e6});
  ASSERT_TRUE(CountAll(log.catalogue(), {}, nullptr, nullptr, &counts));
  EXPECT_EQ(Names(log, ListOf(counts)), "a b c ") << "ties in order of their ids";
  EXPECT_EQ(Names(log, ListOf(counts, de)), "a b c ");
  EXPECT_EQ(Names(log, ListOf(counts, fr)), "a b c ") << "one choice is no trend of a region";
  for (int i = 0; i < 30; ++i) {
    const RawEvent more = InRegion(Watch(fmt::format("r{}", i), "b", Minutes(4), 99), "FR");
    CountPosted(more, log.catalogue(), {}, &counts);
    CountPosted(InRegion(Watch(fmt::format("s{}", i), "c", Minutes(4), 99), "DE"), log.catalogue(),
                {}, &counts);
  }
  EXPECT_EQ(Names(log, ListOf(counts, fr)), "b c a ");
  EXPECT_EQ(Names(log, ListOf(counts, de)), "c b a ");
  features::LiveCounts together({.by_region = false});
  ASSERT_TRUE(CountAll(log.catalogue(), {}, nullptr, nullptr, &together));
  EXPECT_TRUE(ListOf(together, de).empty());
}

TEST(LiveEvents, TwentyClicksCountAsOnePositiveEvent) {
  const auto click = [](const char* user, const char* item, double minutes) {
    RawEvent event = Watch(user, item, Minutes(minutes), 0);
    event.type = schema::EventType::kClick;
    event.value = schema::kAbsent;
    return event;
  };
  const catalogue::TestLog log(
      {click("u", "a", 0), Watch("u", "a", Minutes(1), 99), Watch("v", "b", Minutes(2), 99)}, {},
      {});
  features::LiveCounts counts({.half_life_hours = 1e6});
  ASSERT_TRUE(CountAll(log.catalogue(), {}, nullptr, nullptr, &counts));
  EXPECT_EQ(Names(log, ListOf(counts)), "a b ");
  EXPECT_FLOAT_EQ(ListOf(counts)[0].score, 1.05f);
  for (int i = 0; i < 20; ++i) CountPosted(click("w", "b", 3), log.catalogue(), {}, &counts);
  EXPECT_FLOAT_EQ(ListOf(counts)[1].score, 1.05f) << "one user in one hour";
  for (int i = 0; i < 20; ++i) {
    CountPosted(click(fmt::format("x{}", i).c_str(), "b", 3), log.catalogue(), {}, &counts);
  }
  EXPECT_EQ(Names(log, ListOf(counts)), "b a ");
  EXPECT_NEAR(ListOf(counts)[0].score, 2.05, 1e-5);
}

}  // namespace
}  // namespace upnext::serving
