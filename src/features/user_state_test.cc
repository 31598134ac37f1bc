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

constexpr StateKey kByItem{.of = StateKey::Of::kItem};
// Their numbers in the schema.
constexpr StateKey kByChannel{.of = StateKey::Of::kItemAttribute, .attribute = 2};
constexpr StateKey kByTopic{.of = StateKey::Of::kItemAttribute, .attribute = 3, .list = true};
constexpr StateKey kByQuery{.of = StateKey::Of::kRequest, .attribute = 4};

Column Count(std::vector<Term> terms, std::vector<Term> resets = {}) {
  return {.kind = Column::Kind::kCount, .terms = std::move(terms), .resets = std::move(resets)};
}

std::vector<uint32_t> IdsOf(std::span<const TimedId> bag) {
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
    events.push_back(catalogue::Watch("u", name, Minutes(i), i % 3 == 0 ? 10.0f : 90.0f));
  }
  const TestLog log(events, items, {});
  std::vector<uint32_t> expected;
  UserState state(FeaturePlan().retrieval_state());
  for (const schema::Event& event : log.Events("u")) {
    state.Apply(event, log.catalogue(), {});
    if (event.value > 50) expected.push_back(event.item);
    if (expected.size() > kBagLimit) expected.erase(expected.begin());
    ASSERT_EQ(IdsOf(state.watches()), expected);
  }
  EXPECT_EQ(state.totals().events, 180u);
}

PositiveRule ShopRule() {
  PositiveRule rule = PositiveRule::Empty(0.7, 30);
  rule.SetPositive(EventType::kPurchase, 1);
  rule.SetInterest(EventType::kClick, 1);
  rule.SetInterest(EventType::kAddToCart, 2);
  rule.SetInterest(EventType::kPurchase, 3);
  return rule;
}

TEST(UserState, AnItemIsInAWeightedHistoryOnceAsItsNewestEventWithItsStrongestWeight) {
  const TestLog log(
      {Of(EventType::kClick, "u", "a", Minutes(1)), Of(EventType::kPurchase, "u", "b", Minutes(2)),
       Of(EventType::kAddToCart, "u", "a", Minutes(3)), Of(EventType::kLike, "u", "c", Minutes(4)),
       Of(EventType::kClick, "u", "b", Minutes(5))},
      {}, {});
  UserState state(FeaturePlan().state());
  for (const schema::Event& event : log.Events("u"))
    state.Apply(event, log.catalogue(), ShopRule());
  EXPECT_THAT(state.watches(),
              ElementsAre(TimedId{.id = log.item("a"), .weight = 2, .time_ms = Minutes(3)},
                          TimedId{.id = log.item("b"), .weight = 3, .time_ms = Minutes(5)}));
  EXPECT_TRUE(state.HasWatched(log.item("b")));
  EXPECT_FALSE(state.HasWatched(log.item("a"))) << "in the cart, not bought";
}

TEST(UserState, AHistoryOfEqualWeightsKeepsRepeats) {
  const TestLog log({Of(EventType::kComplete, "u", "a", Minutes(1)),
                     Of(EventType::kComplete, "u", "a", Minutes(2))},
                    {}, {});
  const UserState state = Fold(log, "u", FeaturePlan().state());
  EXPECT_EQ(state.watches().size(), 2u);
  EXPECT_EQ(state.watches()[0].weight, 1);
}

TEST(UserState, AListHoldsTheNewestIdsOfItsEvents) {
  StateSpec::Builder builder;
  builder.AddBag(
      {.key = kByQuery, .terms = {TermOf(EventType::kSearch)}, .removes = {}, .limit = 2});
  const TestLog log({Search("u", "cat", Minutes(1)), Search("u", "dog", Minutes(2)),
                     Search("u", "cat", Minutes(3))},
                    {}, {});
  const UserState state = Fold(log, "u", builder.Build());
  EXPECT_THAT(IdsOf(state.bag(0)), ElementsAre(log.Id(schema::IdSpace::kQuery, "dog"),
                                               log.Id(schema::IdSpace::kQuery, "cat")));
  EXPECT_EQ(state.bag(0)[1].time_ms, Minutes(3));
  EXPECT_THAT(state.bag(1), IsEmpty());
}

TEST(UserState, ListsAndRowsByADeclaredAttributeOfRequestsReadWhatCameWithTheEvent) {
  constexpr uint32_t kPage = schema::request_attribute::kBuiltIn + 1;
  constexpr StateKey kByPage{.of = StateKey::Of::kRequest, .attribute = kPage};
  std::vector<schema::RawEvent> events;
  for (const std::string page : {"home", "", "deep", "home", "home"}) {
    events.push_back(Of(EventType::kClick, "u", "a", Minutes(static_cast<double>(events.size()))));
    events.back().attributes = {{kPage - 1, "2.5"}};
    if (!page.empty()) events.back().attributes.emplace_back(kPage, page);
  }
  const schema::Schema schema =
      schema::Schema::Parse("schema.requests.depth = 'number'\nschema.requests.page = 'category'")
          .value();
  const TestLog log(events, {}, {}, schema);
  const schema::IdSpace space = *schema.FindIdSpace("page");
  const uint32_t home = log.Id(space, "home"), deep = log.Id(space, "deep");
  StateSpec::Builder builder;
  EXPECT_FALSE(builder.Build().reads_declared());
  builder.AddBag({.key = kByPage, .terms = {TermOf(EventType::kClick)}, .removes = {}, .limit = 3});
  EXPECT_TRUE(builder.Build().reads_declared());
  const CellRef clicks = builder.AddColumn(kByPage, Count({TermOf(EventType::kClick)}));
  UserState state(builder.Build());
  for (uint64_t row = 0; row < events.size(); ++row) state.ApplyRow(row, log.catalogue(), {});
  EXPECT_THAT(IdsOf(state.bag(0)), ElementsAre(deep, home, home));
  EXPECT_EQ(state.row(clicks.table, home)[clicks.column].count, 3u);
  EXPECT_EQ(state.row(clicks.table, deep)[clicks.column].count, 1u);
}

TEST(UserState, ALikeIsTheNewestAndADislikeTakesItBack) {
  StateSpec::Builder builder;
  builder.AddBag({.key = kByItem,
                  .terms = {TermOf(EventType::kLike)},
                  .removes = {TermOf(EventType::kDislike), TermOf(EventType::kDismiss)},
                  .limit = 50});
  const TestLog log(
      {Of(EventType::kLike, "u", "a", Minutes(1)), Of(EventType::kLike, "u", "b", Minutes(2)),
       Of(EventType::kLike, "u", "a", Minutes(3)), Of(EventType::kDismiss, "u", "b", Minutes(4)),
       Of(EventType::kDislike, "u", "c", Minutes(5)), Of(EventType::kLike, "u", "c", Minutes(6))},
      {}, {});
  const UserState state = Fold(log, "u", builder.Build());
  EXPECT_THAT(IdsOf(state.bag(0)), ElementsAre(log.item("a"), log.item("c")));
}

TEST(UserState, AnItemIsAgainstFromADislikeToALikeAndWhileItsNewestRatingIsLow) {
  const schema::Schema schema =
      schema::Schema::Parse("schema.events.not_for_me = 'negative'").value();
  const auto plan = FeaturePlan::Compile({}, schema);
  ASSERT_TRUE(plan);
  const TestLog log({catalogue::Watch("u", "w", kStartMs, 1)},
                    {ItemOf("a", 1, "", {}), ItemOf("b", 1, "", {})}, {}, schema);
  const uint32_t a = log.item("a"), b = log.item("b");
  UserState state(plan->state());
  double minute = 0;
  const auto apply = [&](EventType type, uint32_t item, float value = schema::kAbsent) {
    state.Apply({.time_ms = Minutes(++minute), .type = type, .item = item, .value = value},
                log.catalogue(), {});
  };
  for (const EventType type :
       {EventType::kDislike, EventType::kDismiss, *schema.FindEventType("not_for_me")}) {
    apply(type, a);
    EXPECT_TRUE(state.IsAgainst(a, 2));
    EXPECT_THAT(state.NewestAgainst(2), ElementsAre(a));
    apply(EventType::kLike, a);
    EXPECT_FALSE(state.IsAgainst(a, 2));
    EXPECT_THAT(state.NewestAgainst(2), IsEmpty());
  }
  apply(EventType::kSkip, a);
  apply(EventType::kImpression, a);
  EXPECT_FALSE(state.IsAgainst(a, 2)) << "a skip only says not now";
  apply(EventType::kRating, b, 2);
  apply(EventType::kDislike, a);
  EXPECT_TRUE(state.IsAgainst(b, 2));
  EXPECT_FALSE(state.IsAgainst(b, 1.5f));
  EXPECT_FALSE(state.IsAgainst(log.item("w"), 2)) << "never rated";
  EXPECT_THAT(state.NewestAgainst(2), ElementsAre(a, b));
  const auto saved = UserState::Parse(state.Serialize(), plan->state());
  ASSERT_TRUE(saved) << saved.error().message;
  EXPECT_THAT(saved->NewestAgainst(2), ElementsAre(a, b));
  apply(EventType::kRating, b, 5);
  EXPECT_FALSE(state.IsAgainst(b, 2));
  EXPECT_FALSE(UserState(plan->retrieval_state()).IsAgainst(b, 2)) << "does not keep opinions";
}

TEST(UserState, RK09_ImpressionsCountSinceTheLastWatch) {
  StateSpec::Builder builder;
  const CellRef shown = builder.AddColumn(
      kByItem, Count({TermOf(EventType::kImpression)}, {TermOf(EventType::kWatch), kPositive}));
  builder.AddColumn(kByItem, StateSpec::SeenColumn());
  const TestLog log(
      {Of(EventType::kImpression, "u", "a", Minutes(1)),
       Of(EventType::kImpression, "u", "a", Minutes(2)),
       Of(EventType::kClick, "u", "a", Minutes(3)), catalogue::Watch("u", "a", Minutes(4), 1),
       Of(EventType::kImpression, "u", "a", Minutes(5)),
       Of(EventType::kImpression, "u", "b", Minutes(6))},
      {}, {});
  UserState state(builder.Build());
  std::vector<uint64_t> impressions;
  for (const schema::Event& event : log.Events("u")) {
    state.Apply(event, log.catalogue(), {});
    impressions.push_back(state.row(shown.table, log.item("a"))[shown.column].count);
  }
  EXPECT_THAT(impressions, ElementsAre(1, 2, 2, 0, 1, 1));
  EXPECT_TRUE(state.HasWatched(log.item("a"))) << "an incomplete watch is one";
  EXPECT_FALSE(state.HasWatched(log.item("b")));
  EXPECT_FALSE(state.HasWatched(schema::kNone));
  EXPECT_FALSE(UserState().HasWatched(log.item("a"))) << "nothing is kept of items";
}

struct Met {
  uint64_t watches = 0, positives = 0;
  float watch_s = 0;
  int64_t last_ms = schema::kNoTime;
};

TEST(UserState, RK07_RowsByKeyEqualARecount) {
  const auto [events, items] = RandomHistory(1'500, 20, 5);
  const TestLog log(events, items, {});
  const Term watch = TermOf(EventType::kWatch);
  StateSpec::Builder builder;
  std::map<uint32_t, Met> met[2];
  size_t tables[2];
  for (const size_t i : {0u, 1u}) {
    const StateKey key = i == 0 ? kByChannel : kByTopic;
    tables[i] = builder.AddColumn(key, Count({watch})).table;
    builder.AddColumn(key, Count({kPositive}));
    builder.AddColumn(key, {.kind = Column::Kind::kValue, .terms = {watch}, .resets = {}});
    builder.AddColumn(key,
                      {.kind = Column::Kind::kLast, .terms = {watch, kPositive}, .resets = {}});
  }
  UserState state(builder.Build());
  for (const schema::Event& event : log.Events("u")) {
    state.Apply(event, log.catalogue(), {});
    const schema::Item item = log.catalogue().item(event.item);
    const bool positive = PositiveRule().IsPositive(event, item);
    if (event.item == schema::kNone || (event.type != EventType::kWatch && !positive)) continue;
    const auto count = [&](Met& one) {
      one.watches += event.type == EventType::kWatch;
      one.positives += positive;
      if (event.type == EventType::kWatch) one.watch_s += event.value;
      one.last_ms = event.time_ms;
    };
    if (item.channel != schema::kNone) count(met[0][item.channel]);
    for (const uint32_t topic : item.topics) count(met[1][topic]);
  }
  for (const size_t i : {0u, 1u}) {
    EXPECT_GT(met[i].size(), 3u);
    for (const auto& [id, expected] : met[i]) {
      const Cell* row = state.row(tables[i], id);
      ASSERT_NE(row, nullptr);
      EXPECT_EQ(row[0].count, expected.watches);
      EXPECT_EQ(row[1].count, expected.positives);
      EXPECT_EQ(row[2].part, expected.watch_s);
      EXPECT_EQ(row[3].time_ms, expected.last_ms);
      EXPECT_EQ(state.Count(i == 0 ? 2 : 3, EventType::kWatch, id), expected.watches);
    }
    EXPECT_EQ(state.row(tables[i], schema::kNone), nullptr);
  }
}

TEST(UserState, SharesOfDurationsAreSummedWhereBothAreKnown) {
  const Term watch = TermOf(EventType::kWatch);
  StateSpec::Builder builder;
  builder.AddColumn({}, {.kind = Column::Kind::kShare, .terms = {watch}, .resets = {}});
  builder.AddColumn({}, {.kind = Column::Kind::kShares, .terms = {watch}, .resets = {}});
  const TestLog log({catalogue::Watch("u", "long", Minutes(1), 50),
                     catalogue::Watch("u", "short", Minutes(2), 50),
                     catalogue::Watch("u", "unknown", Minutes(3), 50),
                     Of(EventType::kWatch, "u", "long", Minutes(4))},
                    {ItemOf("long", 200, "", {}), ItemOf("short", 20, "", {})}, {});
  const UserState state = Fold(log, "u", builder.Build());
  EXPECT_EQ(state.row(0, 0)[0].sum, 0.25 + 1);
  EXPECT_EQ(state.row(0, 0)[1].count, 2u);
}

TEST(StateSpec, ReadsOnlyEventTypesThatCanChangeTheState) {
  const StateSpec keeps = FeaturePlan().retrieval_state();
  PositiveRule rule;
  for (const EventType type : {EventType::kWatch, EventType::kComplete, EventType::kSearch}) {
    EXPECT_TRUE(keeps.Reads(type, rule));
  }
  // Neither positive nor of the history, so a list of these events does not make them worth reading.
  EXPECT_FALSE(keeps.Reads(EventType::kImpression, rule));
  EXPECT_FALSE(keeps.Reads(EventType::kClick, rule));
  rule.SetInterest(EventType::kClick, 2);
  EXPECT_TRUE(keeps.Reads(EventType::kClick, rule));
}

TEST(UserState, WhatTheCandidateModelReadsIsTheSameInTheWholeState) {
  const auto [events, items] = RandomHistory(600, 20, 6);
  const TestLog log(events, items, {});
  const FeaturePlan plan;
  const UserState all = Fold(log, "u"), some = Fold(log, "u", plan.retrieval_state());
  ASSERT_LT(plan.retrieval_state().bags().size(), plan.state().bags().size());
  for (size_t bag = 0; bag < plan.retrieval_state().bags().size(); ++bag) {
    EXPECT_EQ(IdsOf(some.bag(bag)), IdsOf(all.bag(bag)));
    EXPECT_FALSE(all.bag(bag).empty());
  }
  EXPECT_EQ(some.totals(), all.totals());
  EXPECT_EQ(some.row(plan.state().seen().table, 0), nullptr);
}

TEST(UserState, TablesForgetWhatWasTouchedLongestAgo) {
  StateSpec::Builder builder;
  const size_t table = builder.AddColumn(kByItem, Count({TermOf(EventType::kImpression)})).table;
  const TestLog log({catalogue::Watch("u", "a", kStartMs, 1)}, {}, {});
  UserState state(builder.Build());
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
  const uint32_t left = (kMaxItems + 1) / 8;
  ASSERT_NE(state.row(table, first), nullptr);
  EXPECT_EQ(state.row(table, first)[0].count, 2u);
  EXPECT_EQ(state.row(table, first + 1), nullptr);
  EXPECT_EQ(state.row(table, first + left), nullptr);
  ASSERT_NE(state.row(table, first + left + 1), nullptr);
  EXPECT_EQ(state.row(table, first + left + 1)[0].count, 1u);
  EXPECT_NE(state.row(table, first + kMaxItems), nullptr);
}

TEST(UserState, TablesByCategoryAreBounded) {
  std::vector<schema::RawEvent> events;
  std::vector<schema::RawItem> items;
  const uint32_t n = kMaxKeys + 1;
  for (uint32_t i = 0; i < n; ++i) {
    const std::string name = Numbered("i", i);
    items.push_back(ItemOf(name, 10, Numbered("c", i), {Numbered("t", i)}));
    events.push_back(catalogue::Watch("u", name, Minutes(i), 10));
  }
  const TestLog log(events, items, {});
  const UserState state = Fold(log, "u");
  uint32_t channels = 0, topics = 0;
  for (uint32_t id = 0; id < n; ++id) {
    channels += state.Count(kByChannel.attribute, EventType::kWatch, id) > 0;
    topics += state.Count(kByTopic.attribute, EventType::kWatch, id) > 0;
  }
  EXPECT_EQ(channels, n - n / 8);
  EXPECT_EQ(topics, n - n / 8);
  const uint32_t oldest = log.Id(schema::IdSpace::kChannel, "c0");
  EXPECT_EQ(state.Count(kByChannel.attribute, EventType::kWatch, oldest), 0u);
}

TEST(UserState, OddEventsAreHarmless) {
  const TestLog log({catalogue::Watch("u", "a", kStartMs, 1)}, {}, {});
  UserState state = EmptyState();
  schema::Event event;
  event.time_ms = schema::kNoTime;
  state.Apply(event, log.catalogue(), {});
  EXPECT_EQ(state.totals().events, 0u) << "without a time";
  event.time_ms = Minutes(5);
  event.type = EventType::kWatch;
  state.Apply(event, log.catalogue(), {});  // neither item nor value
  event.value = -5;
  state.Apply(event, log.catalogue(), {});
  event.type = static_cast<EventType>(200);
  state.Apply(event, log.catalogue(), {});
  event.type = EventType::kSearch;
  event.time_ms = Minutes(1);  // late, and without a query
  state.Apply(event, log.catalogue(), {});
  EXPECT_EQ(state.totals().events, 4u);
  EXPECT_EQ(state.totals().first_ms, Minutes(1));
  EXPECT_EQ(state.totals().last_ms, Minutes(5));
  for (size_t bag = 0; bag < state.spec().bags().size(); ++bag) {
    EXPECT_THAT(state.bag(bag), IsEmpty());
  }
}

}  // namespace
}  // namespace upnext::features
