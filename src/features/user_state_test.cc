#include "features/user_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "features/test_log.h"

namespace upnext::features {
namespace {

using schema::EventType;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<uint32_t> Ids(std::span<const TimedId> bag) {
  std::vector<uint32_t> ids;
  for (const TimedId& entry : bag) ids.push_back(entry.id);
  return ids;
}

TEST(UserState, CG02_BagKeepsTheNewestFiftyCompleteWatchesOldestFirst) {
  std::vector<schema::RawEvent> events;
  std::vector<schema::RawItem> items;
  for (uint32_t i = 0; i < 180; ++i) {
    const std::string name = Numbered("i", i);
    items.push_back(ItemOf(name, 100, "", {}));
    events.push_back(Watch("u", name, Minutes(i), i % 3 == 0 ? 10.0f : 90.0f));
  }
  const TestLog log(events, items, {});
  std::vector<uint32_t> expected;
  UserState state(UserState::Parts::kBags);
  for (const schema::Event& event : log.Events("u")) {
    state.Apply(event, log.catalogue(), {});
    if (event.value > 50) expected.push_back(event.item);
    if (expected.size() > kBagLimit) expected.erase(expected.begin());
    ASSERT_EQ(Ids(state.watches()), expected);
  }
  EXPECT_EQ(state.totals().watches, 180u);
  EXPECT_EQ(state.totals().complete, 120u);
}

TEST(UserState, SearchesAreKeptAsQueries) {
  const TestLog log({Search("u", "cat", Minutes(1)), Search("u", "dog", Minutes(2)),
                     Search("u", "cat", Minutes(3))},
                    {}, {});
  const UserState state = Fold(log, "u");
  const uint32_t cat = log.Id(schema::IdSpace::kQuery, "cat");
  const uint32_t dog = log.Id(schema::IdSpace::kQuery, "dog");
  EXPECT_THAT(Ids(state.searches()), ElementsAre(cat, dog, cat));
  EXPECT_EQ(state.searches()[2].time_ms, Minutes(3));
  EXPECT_EQ(state.totals().searches, 3u);
}

TEST(UserState, ALikeIsTheNewestAndADislikeTakesItBack) {
  const TestLog log(
      {Of(EventType::kLike, "u", "a", Minutes(1)), Of(EventType::kLike, "u", "b", Minutes(2)),
       Of(EventType::kLike, "u", "a", Minutes(3)), Of(EventType::kDismiss, "u", "b", Minutes(4)),
       Of(EventType::kDislike, "u", "c", Minutes(5)), Of(EventType::kLike, "u", "c", Minutes(6))},
      {}, {});
  const UserState state = Fold(log, "u");
  EXPECT_THAT(Ids(state.likes()), ElementsAre(log.item("a"), log.item("c")));
  EXPECT_TRUE(state.item(log.item("b"))->disliked);
  EXPECT_FALSE(state.item(log.item("c"))->disliked);
  EXPECT_EQ(state.totals().likes, 4u);
  EXPECT_EQ(state.totals().dislikes, 2u);
}

TEST(UserState, RK09_ImpressionsCountSinceTheLastWatch) {
  const TestLog log({Of(EventType::kImpression, "u", "a", Minutes(1)),
                     Of(EventType::kImpression, "u", "a", Minutes(2)),
                     Of(EventType::kClick, "u", "a", Minutes(3)), Watch("u", "a", Minutes(4), 1),
                     Of(EventType::kImpression, "u", "a", Minutes(5))},
                    {}, {});
  UserState state;
  std::vector<uint32_t> impressions;
  for (const schema::Event& event : log.Events("u")) {
    state.Apply(event, log.catalogue(), {});
    impressions.push_back(state.item(log.item("a"))->impressions);
  }
  EXPECT_THAT(impressions, ElementsAre(1, 2, 2, 0, 1));
  EXPECT_EQ(state.item(log.item("a"))->last_impression_ms, Minutes(5));
  EXPECT_TRUE(state.HasWatched(log.item("a"))) << "an incomplete watch is one";
  EXPECT_FALSE(state.HasWatched(schema::kNone));
}

TEST(UserState, RK07_AffinitiesEqualARecount) {
  const auto [events, items] = RandomHistory(1'500, 20, 5);
  const TestLog log(events, items, {});
  UserState state;
  std::map<uint32_t, AffinityHistory> channels, topics;
  const auto count = [](AffinityHistory& met, uint32_t id, const schema::Event& e, bool complete) {
    const bool watched = e.type == EventType::kWatch || e.type == EventType::kComplete;
    if (!watched && e.type != EventType::kImpression && e.type != EventType::kClick) return;
    met.id = id;
    met.last_ms = e.time_ms;
    met.impressions += e.type == EventType::kImpression;
    met.clicks += e.type == EventType::kClick;
    met.watches += e.type == EventType::kWatch;
    met.complete += complete;
    if (watched) met.last_watch_ms = e.time_ms;
    if (e.type == EventType::kWatch) met.watch_s += e.value;
  };
  for (const schema::Event& event : log.Events("u")) {
    state.Apply(event, log.catalogue(), {});
    if (event.item == schema::kNone) continue;
    const schema::Item item = log.catalogue().item(event.item);
    const bool complete = PositiveRule().IsComplete(event, item);
    if (item.channel != schema::kNone) {
      count(channels[item.channel], item.channel, event, complete);
    }
    for (const uint32_t topic : item.topics) count(topics[topic], topic, event, complete);
  }
  for (const auto& [id, expected] : channels) EXPECT_EQ(*state.channel(id), expected);
  for (const auto& [id, expected] : topics) EXPECT_EQ(*state.topic(id), expected);
  EXPECT_EQ(state.channel(schema::kNone), nullptr);
}

TEST(UserState, BagsAloneAreTheSameAsInTheWholeState) {
  const auto [events, items] = RandomHistory(600, 20, 6);
  const TestLog log(events, items, {});
  const UserState all = Fold(log, "u");
  const UserState bags = Fold(log, "u", UserState::Parts::kBags);
  EXPECT_EQ(Ids(bags.watches()), Ids(all.watches()));
  EXPECT_EQ(Ids(bags.searches()), Ids(all.searches()));
  EXPECT_EQ(Ids(bags.likes()), Ids(all.likes()));
  EXPECT_EQ(bags.totals(), all.totals());
  EXPECT_EQ(bags.item(0), nullptr);
}

TEST(UserState, HistoriesForgetWhatWasTouchedLongestAgo) {
  const TestLog log({Watch("u", "a", kStartMs, 1)}, {}, {});
  UserState state;
  schema::Event event;
  event.type = EventType::kImpression;
  const uint32_t first = 100;  // ids beyond the catalogue have no attributes, and need none
  for (uint32_t i = 0; i <= kMaxItems; ++i) {
    event.item = first + i;
    event.time_ms = Minutes(i);
    state.Apply(event, log.catalogue(), {});
    if (i == kMaxItems - 1) {
      event.item = first;  // touched again, so the second oldest is now the oldest
      state.Apply(event, log.catalogue(), {});
    }
  }
  const uint32_t left = static_cast<uint32_t>((kMaxItems + 1) / 8);
  EXPECT_NE(state.item(first), nullptr);
  EXPECT_EQ(state.item(first + 1), nullptr);
  EXPECT_EQ(state.item(first + left), nullptr);
  EXPECT_NE(state.item(first + left + 1), nullptr);
  EXPECT_NE(state.item(first + static_cast<uint32_t>(kMaxItems)), nullptr);
}

TEST(UserState, AChannelHistoryIsBounded) {
  std::vector<schema::RawEvent> events;
  std::vector<schema::RawItem> items;
  const uint32_t n = kMaxChannels + 1;
  for (uint32_t i = 0; i < n; ++i) {
    const std::string name = Numbered("i", i);
    items.push_back(ItemOf(name, 10, Numbered("c", i), {Numbered("t", i)}));
    events.push_back(Watch("u", name, Minutes(i), 10));
  }
  const TestLog log(events, items, {});
  const UserState state = Fold(log, "u");
  uint32_t channels = 0, topics = 0;
  for (uint32_t id = 0; id < n; ++id) {
    channels += state.channel(id) != nullptr;
    topics += state.topic(id) != nullptr;
  }
  EXPECT_EQ(channels, n - n / 8);
  EXPECT_EQ(topics, n - n / 8);
  EXPECT_EQ(state.channel(log.Id(schema::IdSpace::kChannel, "c0")), nullptr);
}

TEST(UserState, OddEventsAreHarmless) {
  const TestLog log({Watch("u", "a", kStartMs, 1)}, {}, {});
  UserState state;
  schema::Event event;
  event.time_ms = schema::kNoTime;
  state.Apply(event, log.catalogue(), {});
  EXPECT_EQ(state.totals().events, 0u) << "without a time";
  event.time_ms = Minutes(5);
  event.type = EventType::kWatch;
  state.Apply(event, log.catalogue(), {});  // neither item nor value
  event.value = -5;
  state.Apply(event, log.catalogue(), {});
  event.type = EventType::kSearch;
  event.time_ms = Minutes(1);  // late, and without a query
  state.Apply(event, log.catalogue(), {});
  EXPECT_EQ(state.totals().watch_s, 0);
  EXPECT_EQ(state.totals().first_ms, Minutes(1));
  EXPECT_EQ(state.totals().last_ms, Minutes(5));
  EXPECT_THAT(state.watches(), IsEmpty());
  EXPECT_THAT(state.searches(), IsEmpty());
}

}  // namespace
}  // namespace upnext::features
