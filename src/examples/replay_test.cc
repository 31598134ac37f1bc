#include "examples/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "examples/test_world.h"
#include "features/feature_plan.h"

namespace upnext::examples {
namespace {

using features::UserState;
using schema::EventType;
using ::testing::ElementsAre;

features::StateSpec DefaultState() { return features::FeaturePlan().state(); }

std::vector<uint32_t> LabelsOf(const World& world, std::string_view user) {
  std::vector<uint32_t> items;
  ReplayWatches(world.source, world.user(user), features::StateSpec(),
                [&](const UserState&, const WatchExample& watch) { items.push_back(watch.item); });
  return items;
}

TEST(ReplayWatches, CG16_CountsByThresholdAndPartialWatchesAreNeverLabels) {
  WorldOptions options;
  options.split.kind = SplitOptions::Kind::kNone;
  for (int i = 0; i < 10; ++i) {  // item i of 100 s is watched for 10 * (i + 1) s
    options.items.push_back(Item("i" + std::to_string(i), 100));
    options.events.push_back(
        Watch("u", "i" + std::to_string(i), i, static_cast<float>(10 * (i + 1))));
  }
  for (const auto& [share, expected] :
       std::map<double, size_t>{{0.1, 10}, {0.35, 7}, {0.7, 4}, {0.95, 1}, {1.0, 1}}) {
    options.rule = features::PositiveRule::Empty(share, 30);
    options.rule.SetPositive(schema::EventType::kWatch, 1);
    const World world(options);
    size_t labels = 0;
    ReplayWatches(world.source, 0, features::StateSpec(),
                  [&](const UserState&, const WatchExample& watch) {
                    ++labels;
                    EXPECT_GE(world.log.event(watch.row).value, 100 * share - 1e-3);
                  });
    EXPECT_EQ(labels, expected) << share;
  }
}

TEST(ReplayWatches, CG16_SecondsDecideWhenTheDurationIsUnknownAndEventsWhenTheSourceSaysSo) {
  WorldOptions options{.events = {Watch("u", "a", 0, 29), Watch("u", "b", 1, 30),
                                  Raw("u", "c", 2, EventType::kComplete)},
                       .split = {.kind = SplitOptions::Kind::kNone}};
  {
    const World world(options);
    EXPECT_THAT(LabelsOf(world, "u"), ElementsAre(world.item("b"), world.item("c")));
  }
  options.rule = features::PositiveRule::CompleteEvents();
  const World world(options);
  EXPECT_THAT(LabelsOf(world, "u"), ElementsAre(world.item("c")));
}

TEST(ReplayWatches, CG17_OffSiteWatchesAreLabelsAndInputsLikeAllOthers) {
  WorldOptions options{.events = {Watch("u", "a", 0, 30), Watch("u", "b", 1, 30)},
                       .split = {.kind = SplitOptions::Kind::kNone}};
  for (schema::RawEvent& event : options.events) event.off_site = true;
  const World world(options);
  EXPECT_THAT(LabelsOf(world, "u"), ElementsAre(world.item("a"), world.item("b")));
  EXPECT_EQ(StateAt(world.source, 0, kAllRows, DefaultState()).watches().size(), 2u);
}

// The rows before `row` whose events pass, oldest first, at most `limit` newest.
template <typename Passes>
std::vector<features::TimedId> Recount(const World& world, uint32_t user, uint64_t row, bool query,
                                       const Passes& passes) {
  std::vector<features::TimedId> found;
  for (uint64_t r = world.log.begin(user); r < row; ++r) {
    const schema::Event event = world.log.event(r);
    if (passes(event))
      found.push_back({.id = query ? event.query : event.item, .time_ms = event.time_ms});
  }
  if (found.size() > features::kBagLimit) {
    found.erase(found.begin(), found.end() - features::kBagLimit);
  }
  return found;
}

TEST(ReplayWatches, CG19_InputsAreExactlyWhatLiesBeforeTheLabelsRow) {
  size_t examples = 0, at_equal_times = 0;
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    const World world(RandomWorld(seed));
    const auto complete = [&](const schema::Event& event) {
      return event.type == EventType::kWatch &&
             world.rule.IsPositive(event, world.log.item(event.item));
    };
    for (uint32_t user = 0; user < world.log.users(); ++user) {
      ReplayWatches(
          world.source, user, features::FeaturePlan().retrieval_state(),
          [&](const UserState& before, const WatchExample& watch) {
            ++examples;
            const auto watches = Recount(world, user, watch.row, false, complete);
            EXPECT_TRUE(std::ranges::equal(before.watches(), watches));
            EXPECT_TRUE(std::ranges::equal(
                before.bag(1), Recount(world, user, watch.row, true, [](const schema::Event& e) {
                  return e.type == EventType::kSearch;
                })));
            at_equal_times += !watches.empty() && watches.back().time_ms == watch.time_ms ? 1 : 0;
            for (const auto& input : before.watches()) EXPECT_LE(input.time_ms, watch.time_ms);
            EXPECT_EQ(watch.part, world.split.part(user, watch.row));
            EXPECT_EQ(watch.context.device, world.log.event(watch.row).device);
          });
    }
  }
  EXPECT_GT(examples, 500u);
  EXPECT_GT(at_equal_times, 0u) << "the random logs should hold watches at equal times";
}

TEST(ReplayWatches, TheContextIsThatOfTheEventWithItsDeclaredAttributes) {
  schema::RawEvent watch = Watch("u", "a", 0, 60);
  watch.device = "tv";
  watch.current_item = "b";
  watch.attributes = {{schema::request_attribute::kBuiltIn, "home"}};
  const World world({.events = {watch},
                     .split = {.kind = SplitOptions::Kind::kNone},
                     .schema = schema::Schema::Parse("schema.requests.page = 'category'").value()});
  std::vector<features::Context> contexts;
  ReplayWatches(world.source, 0, features::StateSpec(),
                [&](const UserState&, const WatchExample& of) { contexts.push_back(of.context); });
  ASSERT_EQ(contexts.size(), 1u);
  EXPECT_EQ(contexts[0].device, world.Id(schema::IdSpace::kDevice, "tv"));
  EXPECT_EQ(contexts[0].current_item, world.item("b"));
  ASSERT_EQ(contexts[0].attributes.size(), 1u);
  EXPECT_EQ(world.catalogue.Name(*world.catalogue.schema().FindIdSpace("page"),
                                 contexts[0].attributes[0].category),
            "home");
}

TEST(ReplayWatches, StopsBeforeTheEndRowAndKeepsHistoriesWhenAskedForAll) {
  const World world(RandomWorld(2));
  const uint64_t end = world.log.begin(0) + 100;
  size_t short_bags = 0, all = 0;
  ReplayWatches(
      world.source, 0, DefaultState(),
      [&](const UserState& before, const WatchExample& watch) {
        EXPECT_LT(watch.row, end);
        EXPECT_EQ(before.totals().events, watch.row - world.log.begin(0));
        ++all;
      },
      end);
  ReplayWatches(
      world.source, 0, features::FeaturePlan().retrieval_state(),
      [&](const UserState&, const WatchExample&) { ++short_bags; }, end);
  EXPECT_GT(all, 0u);
  EXPECT_EQ(all, short_bags);
}

// What a state should say of a channel, topic or item, counted anew from the log.
struct Counted {
  uint32_t impressions = 0, clicks = 0, watches = 0, complete = 0, unwatched_impressions = 0;
  double watch_s = 0;
  int64_t last_watch_ms = schema::kNoTime;
};
template <typename Belongs>
Counted CountBefore(const World& world, uint32_t user, uint64_t state_row, const Belongs& belongs) {
  Counted counted;
  for (uint64_t row = world.log.begin(user); row < state_row; ++row) {
    const schema::Event event = world.log.event(row);
    if (event.item == schema::kNone || !belongs(event.item)) continue;
    counted.impressions += event.type == EventType::kImpression;
    counted.unwatched_impressions += event.type == EventType::kImpression;
    counted.clicks += event.type == EventType::kClick;
    if (event.type != EventType::kWatch) continue;
    ++counted.watches;
    counted.complete += world.rule.IsPositive(event, world.log.item(event.item));
    counted.watch_s += static_cast<double>(event.value);
    counted.last_watch_ms = event.time_ms;
    counted.unwatched_impressions = 0;
  }
  return counted;
}

// What a row counts of impressions, clicks, watches, positive events, seconds and times.
struct CountedRows {
  CountedRows() {
    features::StateSpec::Builder builder;
    const auto term = [](EventType type) { return std::vector{features::TermOf(type)}; };
    for (const features::StateKey& key :
         {features::StateKey{.of = features::StateKey::Of::kItemAttribute, .attribute = 2},
          features::StateKey{
              .of = features::StateKey::Of::kItemAttribute, .attribute = 3, .list = true},
          features::StateKey{.of = features::StateKey::Of::kItem}}) {
      for (const EventType type : {EventType::kImpression, EventType::kClick, EventType::kWatch}) {
        builder.AddColumn(key, {.kind = Kind::kCount, .terms = term(type), .resets = {}});
      }
      builder.AddColumn(key, {.kind = Kind::kCount, .terms = {features::kPositive}, .resets = {}});
      builder.AddColumn(key,
                        {.kind = Kind::kValue, .terms = term(EventType::kWatch), .resets = {}});
      builder.AddColumn(key, {.kind = Kind::kLast, .terms = term(EventType::kWatch), .resets = {}});
      builder.AddColumn(key, {.kind = Kind::kCount,
                              .terms = term(EventType::kImpression),
                              .resets = term(EventType::kWatch)});
    }
    spec = builder.Build();
  }
  using Kind = features::Column::Kind;
  features::StateSpec spec;
};
constexpr size_t kByChannel = 1, kByTopic = 2, kByItem = 3;  // tables

void ExpectEqual(const features::Cell* row, const Counted& counted) {
  if (counted.impressions + counted.clicks + counted.watches == 0) return;
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row[0].count, counted.impressions);
  EXPECT_EQ(row[1].count, counted.clicks);
  EXPECT_EQ(row[2].count, counted.watches);
  EXPECT_EQ(row[3].count, counted.complete);
  EXPECT_NEAR(row[4].part, counted.watch_s, 1e-3 * (1 + counted.watch_s));
  EXPECT_EQ(row[5].time_ms, counted.last_watch_ms);
  EXPECT_EQ(row[6].count, counted.unwatched_impressions);
}

TEST(ReplayImpressions, RK07_HistoriesEqualABruteForceRecountBeforeEachGroup) {
  size_t groups = 0;
  for (uint64_t seed = 11; seed <= 13; ++seed) {
    const World world(RandomWorld(seed));
    for (uint32_t user = 0; user < world.log.users(); ++user) {
      ReplayImpressions(
          world.source, user, CountedRows().spec,
          [&](const UserState& before, const ImpressionGroup& group) {
            ++groups;
            // All rows before the state were applied, and none after: their number names the row.
            const uint64_t state_row = world.log.begin(user) + before.totals().events;
            for (const Impression& impression : group.impressions) {
              EXPECT_GE(impression.row, state_row);
              const schema::Item item = world.log.item(impression.item);
              ExpectEqual(before.row(kByChannel, item.channel),
                          CountBefore(world, user, state_row, [&](uint32_t other) {
                            return world.log.item(other).channel == item.channel;
                          }));
              for (const uint32_t topic : item.topics) {
                ExpectEqual(before.row(kByTopic, topic),
                            CountBefore(world, user, state_row, [&](uint32_t other) {
                              return std::ranges::count(world.log.item(other).topics, topic) > 0;
                            }));
              }
              ExpectEqual(before.row(kByItem, impression.item),
                          CountBefore(world, user, state_row,
                                      [&](uint32_t other) { return other == impression.item; }));
            }
          });
    }
  }
  EXPECT_GT(groups, 100u);
}

TEST(ReplayImpressions, EveryImpressionComesExactlyOnceWithItsPart) {
  const World world(RandomWorld(5));
  for (uint32_t user = 0; user < world.log.users(); ++user) {
    std::vector<uint64_t> visited, expected;
    ReplayImpressions(world.source, user, features::StateSpec(),
                      [&](const UserState&, const ImpressionGroup& group) {
                        for (const Impression& impression : group.impressions) {
                          visited.push_back(impression.row);
                          EXPECT_EQ(impression.part, world.split.part(user, impression.row));
                        }
                      });
    for (uint64_t row = world.log.begin(user); row < world.log.end(user); ++row) {
      if (world.log.type(row) == EventType::kImpression) expected.push_back(row);
    }
    EXPECT_THAT(visited, ::testing::UnorderedElementsAreArray(expected));
  }
}

TEST(StateAt, EqualsTheStateThatAReplayShows) {
  const World world(RandomWorld(6));
  ReplayWatches(world.source, 0, DefaultState(),
                [&](const UserState& before, const WatchExample& watch) {
                  EXPECT_EQ(before.Serialize(),
                            StateAt(world.source, 0, watch.row, DefaultState()).Serialize());
                });
}

}  // namespace
}  // namespace upnext::examples
