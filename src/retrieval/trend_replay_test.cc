#include "retrieval/trend_replay.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "catalogue/test_log.h"
#include "features/live_counts.h"
#include "schema/event.h"
#include "schema/raw_event.h"
#include "schema/schema.h"

namespace upnext::retrieval {
namespace {

using catalogue::Minutes;
using catalogue::Watch;
using schema::RawEvent;

constexpr double kReplayHour = 60;  // minutes

std::string NamesOf(const catalogue::TestLog& log,
                    const std::vector<features::LiveLists::Entry>& list) {
  std::string names;
  for (const features::LiveLists::Entry& entry : list) {
    names += log.catalogue().Name(schema::IdSpace::kItem, entry.item) + " ";
  }
  return names;
}

TEST(TrendReplay, KnowsWhatHappenedBeforeEachMomentAndNothingElse) {
  std::vector<RawEvent> events;
  for (int i = 0; i < 4; ++i) {
    events.push_back(Watch(fmt::format("a{}", i), "early", Minutes(0), 99));
  }
  events.push_back(Watch("b", "now", Minutes(100), 99));
  for (int i = 0; i < 9; ++i) {
    events.push_back(Watch(fmt::format("c{}", i), "later", Minutes(200), 99));
  }
  events.push_back(Watch("d", "not complete", Minutes(50), 1));
  const catalogue::TestLog log(events, {}, {});
  TrendReplay replay(log.catalogue(), {}, {}, Minutes(100), Minutes(300));
  replay.MoveTo(Minutes(100));
  EXPECT_EQ(NamesOf(log, replay.ListsOf(schema::kNone).overall), "early ") << "nothing of now";
  const TrendReplay before = replay;
  replay.MoveTo(Minutes(101));
  EXPECT_EQ(NamesOf(log, replay.ListsOf(schema::kNone).overall), "early now ");
  replay.MoveTo(Minutes(300));
  EXPECT_EQ(NamesOf(log, replay.ListsOf(schema::kNone).overall), "later early now ");
  EXPECT_EQ(NamesOf(log, before.ListsOf(schema::kNone).overall), "early ") << "a copy";
}

TEST(TrendReplay, CountsAsALiveCounterThatTakesTheSameEvents) {
  std::vector<RawEvent> events;
  for (int i = 0; i < 400; ++i) {
    RawEvent event = Watch(fmt::format("u{}", i * 7 % 31), fmt::format("i{}", i * i % 23),
                           Minutes(i * 11 % 997), i % 5 == 0 ? 1 : 99);
    event.region = i % 3 == 0 ? "DE" : "";
    events.push_back(event);
  }
  const catalogue::TestLog log(events, {}, {});
  const uint32_t de = log.catalogue().Find(schema::IdSpace::kRegion, "DE");
  TrendReplay replay(log.catalogue(), {}, {.half_life_hours = 5}, Minutes(300), Minutes(2000));
  replay.MoveTo(Minutes(500));
  features::LiveCounts live({.half_life_hours = 5});
  for (const RawEvent& event : events) {
    if (event.time_ms >= Minutes(500) || event.value < 99) continue;
    const auto user = log.catalogue().Find(schema::IdSpace::kUser, event.user);
    live.Add({.time_ms = event.time_ms,
              .user = user,
              .item = log.catalogue().Find(schema::IdSpace::kItem, event.item),
              .region = log.catalogue().Find(schema::IdSpace::kRegion, event.region)});
  }
  const features::LiveLists found = replay.ListsOf(de), expected = *live.lists();
  EXPECT_EQ(NamesOf(log, found.overall), NamesOf(log, expected.overall));
  EXPECT_EQ(NamesOf(log, found.by_region.at(de)), NamesOf(log, expected.by_region.at(de)));
  EXPECT_GT(found.overall.size(), 10u);
}

TEST(TrendReplay, StartsWithTheNewestDaysAndCanHaveAnotherHalfLife) {
  std::vector<RawEvent> events = {Watch("z", "too old", Minutes(0), 99)};
  for (int i = 0; i < 3; ++i) {
    events.push_back(Watch(fmt::format("a{}", i), "yesterday", Minutes(30 * kReplayHour), 99));
  }
  for (int i = 0; i < 2; ++i) {
    events.push_back(Watch(fmt::format("b{}", i), "now", Minutes(47 * kReplayHour), 99));
  }
  const catalogue::TestLog log(events, {}, {});
  const int64_t at = Minutes(48 * kReplayHour);
  TrendReplay replay(log.catalogue(), {}, {.days = 1, .half_life_hours = 1000}, at, at);
  replay.MoveTo(at);
  EXPECT_EQ(NamesOf(log, replay.ListsOf(schema::kNone).overall), "yesterday now ");
  TrendReplay fast = replay.WithHalfLife(6);
  EXPECT_TRUE(fast.ListsOf(schema::kNone).overall.empty()) << "it begins again";
  fast.MoveTo(at);
  EXPECT_EQ(NamesOf(log, fast.ListsOf(schema::kNone).overall), "now yesterday ");
}

// One event of each kind, on an item of its own, in a log whose positives are complete watches.
TEST(TrendReplay, CountsWhatSaysMoreThanAnImpression) {
  using schema::EventType;
  const schema::Schema schema;
  std::vector<RawEvent> events = {Watch("u", "watched", Minutes(0), 99),
                                  Watch("u", "left", Minutes(0), 1)};
  for (const EventType type : {EventType::kImpression, EventType::kClick, EventType::kLike,
                               EventType::kDislike, EventType::kSkip, EventType::kVisit}) {
    RawEvent event = Watch("u", schema.info(type).name, Minutes(1), 0);
    event.type = type;
    event.value = schema::kAbsent;
    events.push_back(event);
  }
  const catalogue::TestLog log(events, {}, {});
  const auto counted = [&](const features::PositiveRule& rule) {
    TrendReplay replay(log.catalogue(), rule, {.half_life_hours = 1e6}, Minutes(0), Minutes(9));
    replay.MoveTo(Minutes(9));
    std::set<std::string> items;
    for (const auto& entry : replay.ListsOf(schema::kNone).overall) {
      items.insert(log.catalogue().Name(schema::IdSpace::kItem, entry.item));
    }
    return items;
  };
  using testing::ElementsAre;
  EXPECT_THAT(counted({}), ElementsAre("click", "like", "watched"));
  features::PositiveRule visits;
  visits.SetInterest(EventType::kVisit, 1);
  EXPECT_THAT(counted(visits), ElementsAre("click", "like", "visit", "watched"));
}

}  // namespace
}  // namespace upnext::retrieval
