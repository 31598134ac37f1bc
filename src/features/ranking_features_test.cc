#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "catalogue/catalogue.h"
#include "features/feature_extractor.h"
#include "features/test_log.h"
#include "features/test_tables.h"
#include "schema/event.h"

namespace upnext::features {
namespace {

using schema::EventType;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr float kNan = schema::kAbsent;
constexpr double kUserWeight = 10, kKeyWeight = 3;  // of the default features

class RankingFeatures : public testing::Test {
 protected:
  static TestLog MakeLog() {
    auto [events, items] = RandomHistory(900, 20, 10);
    events.front().device = "tv";
    events.front().region = "north";
    events.front().source = "trending";
    schema::RawUser english;
    english.user = "english";
    english.language = "en";
    return TestLog(events, items, {english});
  }
  NamedRow Query(const UserState& state, const Context& context,
                 uint32_t user = schema::kNone) const {
    return QueryRow(tables_, log_, Model::kRanking, state, user, context);
  }
  NamedRow Impression(const UserState& state, const Context& context, const Candidate& candidate,
                      uint32_t user = schema::kNone) const {
    return ImpressionRow(tables_, log_, state, user, context, candidate);
  }
  uint32_t RowOf(std::string_view vocabulary, uint32_t id) const {
    return tables_.vocabulary(vocabulary).Row(id);
  }
  void Drop(std::vector<std::string> names) {
    tables_ = LearnTables(log_, {.drop = std::move(names)});
  }
  TestLog log_ = MakeLog();
  FeatureStatistics tables_ = LearnTables(log_);
};

TEST_F(RankingFeatures, RK01_QueryFeaturesAreMadeOncePerRequest) {
  const FeatureExtractor extractor(tables_, log_.catalogue(), Model::kRanking);
  const UserState state = Fold(log_, "u");
  const Context context{.time_ms = Minutes(60 * 24 * 30)};
  FeatureBlock queries, impressions;
  extractor.AppendQuery(state, schema::kNone, context, &queries);
  const uint64_t before = Digest(queries);
  for (uint32_t item = 0; item < 20; ++item) {
    extractor.AppendImpression(state, schema::kNone, context, {.item = item}, &impressions);
  }
  EXPECT_EQ(queries.rows, 1u);
  EXPECT_EQ(Digest(queries), before);
  EXPECT_EQ(impressions.rows, 20u);
  const SidePlan& plan = tables_.plan.side(Model::kRanking, Side::kImpression);
  EXPECT_EQ(impressions.categorical.size(), plan.categories.size());
  EXPECT_EQ(impressions.raw.size(), 20 * plan.numbers.size());
  EXPECT_EQ(impressions.dense.size(), 20 * kPowers * plan.numbers.size());
  for (const Bags& bags : impressions.categorical) EXPECT_EQ(bags.size(), 20u);
}

TEST_F(RankingFeatures, ImpressionsComeWithTheDurationOfTheirItemAndRequestsWithNone) {
  const FeatureExtractor extractor(tables_, log_.catalogue(), Model::kRanking);
  const Context context{.time_ms = Minutes(60 * 24 * 30)};
  FeatureBlock queries, impressions, copied;
  extractor.AppendQuery(EmptyState(), schema::kNone, context, &queries);
  for (uint32_t item = 0; item < 20; ++item) {
    extractor.AppendImpression(EmptyState(), schema::kNone, context, {.item = item}, &impressions);
    copied.AppendRow(impressions, item);
  }
  EXPECT_TRUE(queries.duration_s.empty());
  ASSERT_EQ(impressions.duration_s.size(), 20u);
  size_t unknown = 0;
  for (uint32_t item = 0; item < 20; ++item) {
    const float duration_s = log_.catalogue().item(item).duration_s;
    unknown += std::isnan(duration_s) ? 1 : 0;
    EXPECT_THAT(impressions.duration_s[item], testing::NanSensitiveFloatEq(duration_s));
  }
  EXPECT_GT(unknown, 0u);
  EXPECT_LT(unknown, 20u);
  EXPECT_EQ(Digest(copied), Digest(impressions));
  copied.duration_s[0] += 1;
  EXPECT_NE(Digest(copied), Digest(impressions)) << "the parity of serving compares durations too";
  copied.Clear();
  EXPECT_TRUE(copied.duration_s.empty());
}

TEST_F(RankingFeatures, RK06_NumbersComeWithTheirPowersAndMissingOnesSaySo) {
  const NamedRow row = Impression(Fold(log_, "u"), {.time_ms = Minutes(60 * 24 * 30)}, {.item = 3});
  const std::vector<float> duration = row.dense("duration_s");
  EXPECT_GT(duration[0], 0);
  EXPECT_LT(duration[0], 1);
  EXPECT_FLOAT_EQ(duration[1], duration[0] * duration[0]);
  EXPECT_FLOAT_EQ(duration[2], std::sqrt(duration[0]));
  EXPECT_EQ(duration[3], 0);
  const NamedRow unknown = Impression(EmptyState(), {}, {});
  EXPECT_THAT(unknown.dense("duration_s"), ElementsAre(0, 0, 0, 1));
  EXPECT_TRUE(std::isnan(unknown.raw("duration_s")));
}

// Everything that the impression fields say of the past, counted again from the events themselves.
struct Recount {
  double watches = 0, complete = 0, seconds = 0, impressions = 0;
  int64_t last_watch_ms = schema::kNoTime, last_impression_ms = schema::kNoTime;
  void Add(const schema::Event& event, const schema::Item& item) {
    if (event.type == EventType::kImpression) {
      ++impressions;
      last_impression_ms = event.time_ms;
    }
    if (event.type != EventType::kWatch && event.type != EventType::kComplete) return;
    impressions = 0;
    watches += event.type == EventType::kWatch;
    complete += PositiveRule().IsPositive(event, item);
    if (event.type == EventType::kWatch) seconds += static_cast<double>(event.value);
    last_watch_ms = event.time_ms;
  }
  float Times() const { return static_cast<float>(std::max(watches, complete)); }
  static float Since(int64_t now_ms, int64_t then_ms) {
    return then_ms == schema::kNoTime ? kNan : static_cast<float>(now_ms - then_ms) / 1000;
  }
};

// NaN equals NaN; numbers within a millionth.
testing::AssertionResult Same(float a, double b) {
  if (std::isnan(a) && std::isnan(b)) return testing::AssertionSuccess();
  if (std::abs(static_cast<double>(a) - b) <= 1e-6 * std::max(1.0, std::abs(b))) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << a << " is not " << b;
}

TEST_F(RankingFeatures, RK07_HistoryFeaturesEqualARecountOfTheEventsBefore) {
  const std::vector<schema::Event> events = log_.Events("u");
  double watches = 0, complete = 0;  // of everybody, for the prior
  for (const schema::Event& event : events) {
    watches += event.type == EventType::kWatch;
    complete += event.item != schema::kNone &&
                PositiveRule().IsPositive(event, log_.catalogue().item(event.item));
  }
  const double complete_rate = complete / std::max(watches, complete);
  UserState state = EmptyState();
  for (size_t now = 0; now < events.size(); ++now) {
    const uint32_t candidate = static_cast<uint32_t>(now % 20);
    const schema::Item item = log_.catalogue().item(candidate);
    Recount channel, topics, same;
    for (size_t i = 0; i < now; ++i) {
      if (events[i].item == schema::kNone) continue;
      const schema::Item past = log_.catalogue().item(events[i].item);
      if (item.channel != schema::kNone && past.channel == item.channel) {
        channel.Add(events[i], past);
      }
      for (const uint32_t topic : past.topics) {
        if (std::ranges::count(item.topics, topic) > 0) topics.Add(events[i], past);
      }
      if (events[i].item == candidate) same.Add(events[i], past);
    }
    const int64_t time_ms = events[now].time_ms;
    const NamedRow row = Impression(state, {.time_ms = time_ms}, {.item = candidate});
    const bool has_channel = item.channel != schema::kNone;
    ASSERT_TRUE(Same(row.raw("channel_watches"), has_channel ? channel.Times() : kNan));
    ASSERT_TRUE(
        Same(row.raw("since_channel_watch_s"), Recount::Since(time_ms, channel.last_watch_ms)));
    ASSERT_TRUE(Same(row.raw("channel_complete_rate"),
                     has_channel ? (channel.complete + kKeyWeight * complete_rate) /
                                       (channel.Times() + kKeyWeight)
                                 : NAN));
    ASSERT_TRUE(Same(row.raw("channel_mean_watch_s"), channel.seconds / channel.watches));
    ASSERT_TRUE(
        Same(row.raw("since_topic_watch_s"), Recount::Since(time_ms, topics.last_watch_ms)));
    ASSERT_TRUE(Same(row.raw("topic_mean_watch_s"), topics.seconds / topics.watches));
    ASSERT_EQ(row.raw("item_impressions"), static_cast<float>(same.impressions));
    ASSERT_TRUE(
        Same(row.raw("since_item_impression_s"), Recount::Since(time_ms, same.last_impression_ms)));
    ASSERT_EQ(row.raw("item_watches"), same.Times());
    ASSERT_TRUE(Same(row.raw("since_item_watch_s"), Recount::Since(time_ms, same.last_watch_ms)));
    state.Apply(events[now], log_.catalogue(), {});
  }
}

TEST_F(RankingFeatures, UserNumbersEqualARecount) {
  const std::vector<schema::Event> events = log_.Events("u");
  double impressions = 0, clicks = 0, watches = 0, seconds = 0, searches = 0, share = 0, shares = 0;
  for (const schema::Event& event : events) {
    impressions += event.type == EventType::kImpression;
    clicks += event.type == EventType::kClick;
    searches += event.type == EventType::kSearch;
    if (event.type != EventType::kWatch) continue;
    ++watches;
    seconds += static_cast<double>(event.value);
    const float duration_s = log_.catalogue().item(event.item).duration_s;
    if (std::isnan(duration_s)) continue;
    ++shares;
    share += std::min(1.0, static_cast<double>(event.value) / static_cast<double>(duration_s));
  }
  const int64_t now_ms = events.back().time_ms + 90'000;
  const NamedRow row = Query(Fold(log_, "u"), {.time_ms = now_ms});
  const double click_rate = clicks / impressions;  // of everybody: there is no other user
  EXPECT_TRUE(Same(row.raw("click_rate"),
                   (clicks + kUserWeight * click_rate) / (impressions + kUserWeight)));
  const double mean_s = seconds / watches;
  EXPECT_TRUE(
      Same(row.raw("mean_watch_s"), (seconds + kUserWeight * mean_s) / (watches + kUserWeight)));
  EXPECT_TRUE(
      Same(row.raw("user_mean_watch_share"), (share + kUserWeight * 0.5) / (shares + kUserWeight)));
  EXPECT_EQ(row.raw("searches"), static_cast<float>(searches));
  EXPECT_EQ(row.raw("since_last_event_s"), 90);
}

TEST_F(RankingFeatures, RK09_ShownButNotWatchedIsCounted) {
  UserState state = EmptyState();
  schema::Event shown;
  shown.item = 4;
  for (int i = 1; i <= 3; ++i) {
    shown.time_ms = Minutes(i);
    state.Apply(shown, log_.catalogue(), {});
  }
  const NamedRow row = Impression(state, {.time_ms = Minutes(5)}, {.item = 4});
  EXPECT_EQ(row.raw("item_impressions"), 3);
  EXPECT_EQ(row.raw("since_item_impression_s"), 120);
  EXPECT_EQ(Impression(state, {.time_ms = Minutes(5)}, {.item = 5}).raw("item_impressions"), 0);
}

TEST_F(RankingFeatures, RK10_SeedLastWatchedLastQueryAndLanguage) {
  UserState state = EmptyState();
  schema::Event event;
  for (const uint32_t item : {3u, 8u}) {
    event.type = EventType::kComplete;
    event.item = item;
    event.time_ms += 1000;
    state.Apply(event, log_.catalogue(), {});
    event.type = EventType::kSearch;
    event.query = item % 2;
    state.Apply(event, log_.catalogue(), {});
  }
  const uint32_t user = log_.Id(schema::IdSpace::kUser, "english");
  const Context context{.time_ms = 9'000, .device = 0, .region = 0, .current_item = 2};
  const NamedRow query = Query(state, context, user);
  const auto item_row = [&](uint32_t item) { return RowOf(kRankedItemVocabulary, item); };
  EXPECT_THAT(query.ids("watched_items"), ElementsAre(item_row(3), item_row(8)));
  EXPECT_THAT(query.ids("last_watched"), ElementsAre(item_row(8)));
  EXPECT_THAT(query.ids("current_item"), ElementsAre(item_row(2)));
  std::vector<uint32_t> last_query;
  tables_.tokens.AppendRows(0, log_.catalogue(), &last_query);
  EXPECT_EQ(query.ids("last_query_tokens"), last_query);
  EXPECT_EQ(query.ids("query_tokens").size(), 2 * last_query.size());
  EXPECT_THAT(query.ids("user_language"),
              ElementsAre(RowOf("language", log_.Id(schema::IdSpace::kLanguage, "en"))));
  EXPECT_THAT(query.ids("device"), ElementsAre(RowOf(kDeviceVocabulary, 0)));
  // Items 0, 3 and 2 are in English, in German and in no known language.
  EXPECT_EQ(Impression(state, context, {.item = 0}, user).raw("language_match"), 1);
  EXPECT_EQ(Impression(state, context, {.item = 3}, user).raw("language_match"), 0);
  EXPECT_TRUE(std::isnan(Impression(state, context, {.item = 2}, user).raw("language_match")));
  EXPECT_THAT(Impression(state, context, {.item = 0, .source = 0}).ids("source"),
              ElementsAre(RowOf("source", 0)));
}

TEST_F(RankingFeatures, RK04_UnknownIdsAreRowZeroAndAbsentOnesAreNoRow) {
  const uint32_t fresh = log_.Add(schema::IdSpace::kItem, "brand new");
  const NamedRow unknown = Impression(EmptyState(), {.time_ms = kStartMs}, {.item = fresh});
  EXPECT_THAT(unknown.ids("item"), ElementsAre(0u));
  EXPECT_THAT(unknown.ids("channel"), IsEmpty());
  EXPECT_THAT(unknown.ids("topics"), IsEmpty());
  EXPECT_THAT(unknown.ids("source"), IsEmpty());
  EXPECT_EQ(unknown.raw("item_popularity"), 0);
  EXPECT_FALSE(std::isnan(unknown.raw("item_click_rate"))) << "the prior";
  const NamedRow nobody = Query(EmptyState(), {});
  for (const Bags& bags : nobody.block.categorical) {
    EXPECT_THAT(bags.ids, IsEmpty());
    EXPECT_EQ(bags.size(), 1u);
  }
}

TEST_F(RankingFeatures, ItemStatisticsOfTheSameDayAreNotSeen) {
  const schema::Event first = log_.Events("u").front();
  for (uint32_t item = 0; item < 20; ++item) {
    EXPECT_EQ(
        Impression(EmptyState(), {.time_ms = first.time_ms}, {.item = item}).raw("item_popularity"),
        0);
  }
}

TEST_F(RankingFeatures, DroppedFieldsReadAsMissing) {
  const UserState state = Fold(log_, "u");
  const Context context{.time_ms = Minutes(60 * 24 * 30)};
  Drop({"searches", "watched_items", "item", "channel_watches"});
  const NamedRow query = Query(state, context);
  EXPECT_TRUE(std::isnan(query.raw("searches")));
  EXPECT_THAT(query.dense("searches"), ElementsAre(0, 0, 0, 1));
  EXPECT_FALSE(std::isnan(query.raw("watches")));
  EXPECT_THAT(query.ids("watched_items"), IsEmpty());
  EXPECT_FALSE(query.ids("last_watched").empty());
  const NamedRow impression = Impression(state, context, {.item = 0});
  EXPECT_THAT(impression.ids("item"), IsEmpty());
  EXPECT_FALSE(impression.ids("channel").empty());
  EXPECT_THAT(impression.dense("channel_watches"), ElementsAre(0, 0, 0, 1));
}

TEST_F(RankingFeatures, RK06_PowersCanBeLeftOutForAnAblation) {
  const Context context{.time_ms = Minutes(60 * 24 * 30)};
  const float x = Impression(Fold(log_, "u"), context, {.item = 3}).dense("duration_s")[0];
  Drop({std::string(kPowersName)});
  const NamedRow row = Impression(Fold(log_, "u"), context, {.item = 3});
  EXPECT_THAT(row.dense("duration_s"), ElementsAre(x, 0, 0, 0));
  EXPECT_FALSE(row.ids("item").empty());
}

TEST_F(RankingFeatures, StoredStatesGiveTheSameFeaturesToTheByte) {
  const FeatureExtractor extractor(tables_, log_.catalogue(), Model::kRanking);
  UserState replayed = EmptyState(), stored = EmptyState();
  FeatureBlock a, b, c, d;
  uint32_t item = 0;
  for (const schema::Event& event : log_.Events("u")) {
    const Context context{.time_ms = event.time_ms, .current_item = event.item};
    const Candidate candidate{.item = item++ % 20};
    extractor.AppendQuery(replayed, 0, context, &a);
    extractor.AppendImpression(replayed, 0, context, candidate, &c);
    Result<UserState> parsed = UserState::Parse(stored.Serialize(), stored.spec());
    ASSERT_TRUE(parsed);
    stored = *std::move(parsed);
    extractor.AppendQuery(stored, 0, context, &b);
    extractor.AppendImpression(stored, 0, context, candidate, &d);
    replayed.Apply(event, log_.catalogue(), {});
    stored.Apply(event, log_.catalogue(), {});
  }
  EXPECT_EQ(Digest(a), Digest(b));
  EXPECT_EQ(Digest(c), Digest(d));
  EXPECT_NE(Digest(a), Digest(c));
}

// MT-09: what the candidate has in common with the item being watched.
TEST_F(RankingFeatures, MT09_AttributesOfTheItemBeingWatchedAreThoseOfThatItem) {
  FeatureSpec spec;
  spec.ranking = {{"current_topics", "request.current_item.topics", ""},
                  {"current_duration", "request.current_item.duration", ""},
                  {"current_age", "age(request.current_item.created)", ""},
                  {"same_channel", "match(request.current_item.channel, item.channel)", ""},
                  {"same_topics", "overlap(request.current_item.topics, item.topics)", ""},
                  {"watched_of_channel", "count(watch, request.current_item.channel)", ""},
                  {"of_channel", "count(watch, item.channel)", ""},
                  {"pair", "cross(request.current_item, item, 1000)", ""}};
  tables_ = LearnTables(log_, spec);
  const catalogue::Catalogue& catalogue = log_.catalogue();
  const UserState state = Fold(log_, "u");
  const Context nothing{.time_ms = Minutes(60 * 24 * 30)};
  const auto topics = [&](uint32_t item) {
    return catalogue.Categories(schema::Entity::kItem, schema::item_attribute::kTopics, item);
  };
  size_t partly = 0;
  for (uint32_t current = 0; current < 20; ++current) {
    Context context = nothing;
    context.current_item = current;
    const NamedRow query = Query(state, context);
    EXPECT_EQ(query.ids("current_topics").size(), topics(current).size());
    const NamedRow same = Impression(state, nothing, {.item = current});
    EXPECT_THAT(query.raw("current_duration"),
                testing::NanSensitiveFloatEq(same.raw("duration_s")));
    EXPECT_THAT(query.raw("current_age"), testing::NanSensitiveFloatEq(same.raw("item_age_days")));
    EXPECT_THAT(query.raw("watched_of_channel"),
                testing::NanSensitiveFloatEq(same.raw("of_channel")));
    for (uint32_t item = 0; item < 20; ++item) {
      const NamedRow row = Impression(state, context, {.item = item});
      const auto channel = [&](uint32_t of) {
        return catalogue.Value(schema::Entity::kItem, schema::item_attribute::kChannel, of)
            .category;
      };
      const bool known = channel(current) != schema::kNone && channel(item) != schema::kNone;
      EXPECT_THAT(row.raw("same_channel"),
                  testing::NanSensitiveFloatEq(!known ? kNan : channel(current) == channel(item)));
      size_t common = 0;
      for (const uint32_t topic : topics(current))
        common += std::ranges::count(topics(item), topic);
      const size_t shorter = std::min(topics(current).size(), topics(item).size());
      const float expected =
          shorter == 0 ? kNan : static_cast<float>(common) / static_cast<float>(shorter);
      EXPECT_THAT(row.raw("same_topics"), testing::NanSensitiveFloatEq(expected));
      partly += expected > 0 && expected < 1;
      EXPECT_EQ(row.ids("pair").size(), 1u);
    }
  }
  EXPECT_GT(partly, 0u) << "of overlap() and match() the test sees the difference";
  EXPECT_THAT(Query(state, nothing).ids("current_topics"), IsEmpty());
  const NamedRow none = Impression(state, nothing, {.item = 3});
  EXPECT_TRUE(std::isnan(none.raw("same_topics")));
  EXPECT_THAT(none.ids("pair"), IsEmpty());
}

TEST_F(RankingFeatures, WithoutQuantilesRawValuesAreThereAndDenseOnesAreMissing) {
  tables_.quantiles.clear();
  const NamedRow row = Query(Fold(log_, "u"), {.time_ms = Minutes(1)});
  EXPECT_GT(row.raw("watches"), 0);
  EXPECT_THAT(row.dense("watches"), ElementsAre(0, 0, 0, 1));
}

}  // namespace
}  // namespace upnext::features
