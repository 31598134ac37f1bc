// Every operation of the language, by values computed by hand.
#include "features/feature_extractor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "features/test_log.h"
#include "features/test_tables.h"
#include "schema/event.h"

namespace upnext::features {
namespace {

using schema::EventType;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

constexpr int64_t kDayMinutes = 24 * 60;

// Items a and b of channel c1, c of c2; topics t1 (a, c), t2 (a, b).
class Operations : public testing::Test {
 protected:
  static TestLog MakeLog() {
    std::vector<schema::RawItem> items = {ItemOf("a", 100, "c1", {"t1", "t2"}),
                                          ItemOf("b", 50, "c1", {"t2"}),
                                          ItemOf("c", schema::kAbsent, "c2", {"t1"})};
    items[0].language = "en";
    items[0].title = "The red SHOES, again";
    items[1].title = "red hat";
    items[1].language = "de";
    items[0].created_ms = kStartMs - 36 * 3'600'000;
    schema::RawUser user;
    user.user = "u";
    user.language = "en";
    user.region = "north";
    user.age = 30;
    schema::RawEvent click = Of(EventType::kClick, "u", "b", Minutes(5));
    click.device = "tv";
    return TestLog(
        {Of(EventType::kImpression, "u", "a", Minutes(1)),
         Of(EventType::kImpression, "u", "b", Minutes(2)),
         Of(EventType::kClick, "u", "a", Minutes(3)), catalogue::Watch("u", "a", Minutes(4), 80),
         click, catalogue::Watch("u", "b", Minutes(6), 10),
         Of(EventType::kComplete, "u", "c", Minutes(7)), Search("u", "red shoes", Minutes(8)),
         Of(EventType::kLike, "u", "a", Minutes(9))},
        items, {user});
  }
  FeatureStatistics Learn(const std::string& from, Model model = Model::kRanking) const {
    const std::vector<Declaration> one = {{"x", from, ""}};
    return LearnTables(log_, model == Model::kRanking ? FeatureSpec{.ranking = one}
                                                      : FeatureSpec{.retrieval = one});
  }
  // The feature of the candidate, or of the user where it reads none.
  NamedRow Row(const FeatureStatistics& tables, const std::string& item) const {
    const SidePlan& query = tables.plan.side(Model::kRanking, Side::kQuery);
    const auto named = [](const std::vector<Feature>& features) {
      return std::ranges::find(features, "x", &Feature::name) != features.end();
    };
    const UserState state = Fold(log_, "u", tables.plan.state());
    const uint32_t user = log_.Id(schema::IdSpace::kUser, "u");
    if (named(query.categories) || named(query.numbers)) {
      return QueryRow(tables, log_, Model::kRanking, state, user, context_);
    }
    return ImpressionRow(tables, log_, state, user, context_,
                         {.item = item.empty() ? schema::kNone : log_.item(item)});
  }
  float Number(const std::string& from, const std::string& item = "a") const {
    return Row(Learn(from), item).raw("x");
  }
  // Names of ids; "?" for row 0.
  std::vector<std::string> Ids(const std::string& from, const std::string& item = "a") const {
    const FeatureStatistics tables = Learn(from);
    std::vector<std::string> names;
    for (const Side side : {Side::kQuery, Side::kImpression}) {
      for (const Feature& feature : tables.plan.side(Model::kRanking, side).categories) {
        if (feature.name != "x") continue;
        const VocabularyPlan& vocabulary = tables.plan.vocabularies()[feature.vocabulary];
        for (const uint32_t row : Row(tables, item).ids("x")) {
          if (vocabulary.counts == VocabularyPlan::Counts::kTokens) {
            names.emplace_back(tables.tokens.token(row));
          } else {
            names.push_back(log_.catalogue().Name(vocabulary.space,
                                                  tables.vocabularies[feature.vocabulary].Id(row)));
          }
        }
      }
    }
    return names;
  }
  TestLog log_ = MakeLog();
  Context context_{.time_ms = Minutes(10)};
};

TEST_F(Operations, APathIsTheAttribute) {
  EXPECT_EQ(Number("item.duration", "b"), 50);
  EXPECT_TRUE(std::isnan(Number("item.duration", "c")));
  EXPECT_EQ(Number("user.age"), 30);
  EXPECT_THAT(Ids("item.channel", "c"), ElementsAre("c2"));
  EXPECT_THAT(Ids("item.topics"), UnorderedElementsAre("t1", "t2"));
  EXPECT_THAT(Ids("item", "b"), ElementsAre("b"));
  EXPECT_THAT(Ids("item", ""), IsEmpty());
  EXPECT_THAT(Ids("user.region"), ElementsAre("north"));
}

TEST_F(Operations, IdsOfTheHistoryHaveItsWeights) {
  PositiveRule rule;  // "a" and "c" are watched completely, "b" is clicked
  rule.SetInterest(EventType::kClick, 2);
  for (const bool by_channel : {false, true}) {
    const FeatureStatistics tables =
        Learn(by_channel ? "history(interest, item.channel, 5)" : "history(interest, item, 5)",
              Model::kRetrieval);
    const size_t slot = tables.plan.side(Model::kRetrieval, Side::kQuery).categories.size() - 1;
    const FeatureExtractor extractor(tables, log_.catalogue(), Model::kRetrieval);
    FeatureBlock block, again;
    UserState state(tables.plan.state());
    extractor.AppendQuery(state, 0, context_, &block);
    for (const schema::Event& event : log_.Events("u")) state.Apply(event, log_.catalogue(), rule);
    extractor.AppendQuery(state, 0, context_, &block);
    EXPECT_THAT(block.categorical[slot].weights, ElementsAre(2, 2, 1)) << "a, b, c";
    again.AppendRow(block, 1);
    EXPECT_EQ(again.categorical[slot].weights, block.categorical[slot].weights);
    FeatureBlock plain;
    extractor.AppendQuery(UserState(tables.plan.state()), 0, context_, &plain);
    plain.AppendRow(block, 1);
    EXPECT_EQ(Digest(plain), Digest(block));
  }
}

TEST_F(Operations, CG05_WeightsHalveByTheHalfLifeOfTheHistory) {
  const FeatureStatistics tables =
      Learn("history(interest, item, 5, 0.25)", Model::kRetrieval);  // a quarter of a day
  const size_t slot = tables.plan.side(Model::kRetrieval, Side::kQuery).categories.size() - 1;
  const FeatureExtractor extractor(tables, log_.catalogue(), Model::kRetrieval);
  PositiveRule rule;
  rule.SetInterest(EventType::kClick, 3);
  UserState state(tables.plan.state());
  FeatureBlock block;
  const auto apply = [&](const std::string& item, EventType type, int64_t hours) {
    state.Apply({.time_ms = hours * 3'600'000, .type = type, .item = log_.item(item)},
                log_.catalogue(), rule);
  };
  apply("a", EventType::kComplete, 0);
  apply("b", EventType::kClick, 18);
  apply("c", EventType::kComplete, 24);
  extractor.AppendQuery(state, 0, context_, &block);
  EXPECT_THAT(block.categorical[slot].weights, ElementsAre(1.0f / 16, 3.0f / 2, 1));
  apply("a", EventType::kComplete, 24 * 1000);  // the others are older than any weight can say
  FeatureBlock later;
  extractor.AppendQuery(state, 0, context_, &later);
  EXPECT_GT(later.categorical[slot].weights.front(), 0);
  EXPECT_EQ(later.categorical[slot].weights.back(), 1);
}

TEST_F(Operations, ElseTakesTheFirstThatIsPresent) {
  EXPECT_THAT(Ids("request.region else user.region"), ElementsAre("north"));
  context_.device = log_.Id(schema::IdSpace::kDevice, "tv");
  EXPECT_THAT(Ids("request.device"), ElementsAre("tv"));
  EXPECT_THAT(Ids("item.language else user.language", "c"), ElementsAre("en"));
  EXPECT_THAT(Ids("item.language else user.language", "b"), ElementsAre("de"));
}

TEST_F(Operations, AHistoryHoldsTheNewestOldestFirstAndLastTheNewest) {
  EXPECT_THAT(Ids("history(positive, item, 50)"), ElementsAre("a", "c"));
  EXPECT_THAT(Ids("history(watch or complete, item, 2)"), ElementsAre("b", "c"));
  EXPECT_THAT(Ids("history(watch or complete, item.channel, 50)"), ElementsAre("c1", "c1", "c2"));
  EXPECT_THAT(Ids("last(watch, item)"), ElementsAre("b"));
  EXPECT_THAT(Ids("last(watch, item.topics)"), ElementsAre("t2"));
  EXPECT_THAT(Ids("sorted(history(complete or watch, item, 50))"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(Ids("history(like unless watch, item, 5)"), ElementsAre("a"));
  EXPECT_THAT(Ids("history(click unless watch, item, 5)"), IsEmpty());
  EXPECT_THAT(Ids("history(click, request.device, 5)"), ElementsAre("tv"));
  EXPECT_THAT(Ids("history(search, query, 5)"), ElementsAre("red shoes"));
  EXPECT_THAT(Ids("tokens(last(search, query))"), ElementsAre("red", "shoes", "red shoes"));
}

TEST_F(Operations, CountsAreOfTheUsersEventsByAttribute) {
  EXPECT_EQ(Number("count(watch)"), 2);
  EXPECT_EQ(Number("count(any)"), 9);
  EXPECT_EQ(Number("count(watch or positive)"), 2) << "the larger of 2 watches and 2 positives";
  EXPECT_EQ(Number("count(click, item.channel)", "b"), 2);
  EXPECT_EQ(Number("count(click, item.channel)", "c"), 0);
  EXPECT_EQ(Number("count(watch, item.topics)", "a"), 3) << "1 of t1 and 2 of t2";
  EXPECT_TRUE(std::isnan(Number("count(watch, item.topics)", "")));
  EXPECT_EQ(Number("count(impression after watch, item)", "a"), 0);
  EXPECT_EQ(Number("count(impression after like, item)", "b"), 1);
  context_.device = log_.Id(schema::IdSpace::kDevice, "tv");
  EXPECT_EQ(Number("count(click, request.device)"), 1);
}

TEST_F(Operations, SinceIsInSecondsFromTheNewest) {
  EXPECT_EQ(Number("since(any)"), 60);
  EXPECT_EQ(Number("since(watch or like)"), 60);
  EXPECT_EQ(Number("since(watch, item.channel)", "a"), 240);
  EXPECT_TRUE(std::isnan(Number("since(watch, item.channel)", "c")));
  EXPECT_TRUE(std::isnan(Number("since(share)")));
}

TEST_F(Operations, MeansAndRatesAreSmoothedTowardsEverybody) {
  EXPECT_EQ(Number("mean(watch.value)"), 45);
  EXPECT_EQ(Number("mean(watch.value, item.channel)", "b"), 45);
  EXPECT_EQ(Number("mean(watch.value, item)", "b"), 10);
  EXPECT_TRUE(std::isnan(Number("mean(watch.value, item)", "c")));
  EXPECT_FLOAT_EQ(Number("mean(watch.share, 10, 0.5)"), (0.8f + 0.2f + 5) / 12);
  EXPECT_EQ(Number("rate(click, impression)"), 1);
  // Everybody's rate is 1 positive watch in 2 watches or 2 in 2 counting complete events: 2 / 2.
  EXPECT_FLOAT_EQ(Number("rate(positive, watch or positive, item.channel, 4)", "b"),
                  (1 + 4 * 1.0f) / (2 + 4));
  EXPECT_FLOAT_EQ(Number("rate(like, click, item, 2)", "c"), 0.5f) << "the prior alone";
}

TEST_F(Operations, EverybodysCountsAreThoseBeforeToday) {
  EXPECT_EQ(Number("everybody(count(watch, item))"), 0) << "all of it is of today";
  context_.time_ms = Minutes(10 + kDayMinutes);
  EXPECT_EQ(Number("everybody(count(watch, item))"), 1);
  EXPECT_EQ(Number("everybody(count(watch, item.channel))", "b"), 2);
  EXPECT_EQ(Number("everybody(mean(watch.value, item.channel))", "b"), 45);
  EXPECT_EQ(Number("everybody(rate(click, impression, item))", "b"), 1);
  EXPECT_FLOAT_EQ(Number("everybody(rate(like, click, item, 2))", "b"), (0 + 2 * 0.5f) / (1 + 2));
}

TEST_F(Operations, TimesOfRequestsAndItems) {
  EXPECT_FLOAT_EQ(Number("age(item.created)"), 1.5f + 10.0f / (24 * 60));
  EXPECT_TRUE(std::isnan(Number("age(item.created)", "b")));
  // kStartMs is 2023-11-14, a Tuesday, at 22:13:20.
  EXPECT_FLOAT_EQ(Number("hour(request.time)"), 22 + (13 + 10) / 60.0f + 20 / 3600.0f);
  EXPECT_EQ(Number("weekday(request.time)"), 1);
  context_.time_ms = -1;
  EXPECT_EQ(Number("weekday(request.time)"), 2) << "1969-12-31 was a Wednesday";
}

TEST_F(Operations, MatchComparesTwoAttributes) {
  EXPECT_EQ(Number("match(user.language, item.language)", "a"), 1);
  EXPECT_EQ(Number("match(user.language, item.language)", "b"), 0);
  EXPECT_TRUE(std::isnan(Number("match(user.language, item.language)", "c")));
}

TEST(GivenVector, NumbersOfAnItemsVectorAreReadAsTheyAre) {
  const schema::Schema schema =
      schema::Schema::Parse("schema.items.vec = 'vector(3)'\nschema.items.price = 'number'")
          .value();
  schema::RawItem given{.item = "a"};
  given.attributes = {{*schema.FindAttribute(schema::Entity::kItem, "vec"), "0.5 -2 8"}};
  const TestLog log(
      {Of(EventType::kClick, "u", "a", Minutes(1)), Of(EventType::kClick, "u", "b", Minutes(2))},
      {given, {.item = "b"}}, {}, schema);
  const FeatureStatistics tables =
      LearnTables(log, {.ranking = {{"vec", "vector(item.vec)", ""},
                                    {"shown", "vector(request.current_item.vec)", ""}}});
  const UserState nobody(tables.plan.state());
  const Context context{.current_item = log.item("a")};
  const auto vec = [&](const char* item) {
    return ImpressionRow(tables, log, nobody, 0, context, {.item = log.item(item)}).dense("vec");
  };
  EXPECT_THAT(vec("a"), ElementsAre(0.5f, -2, 8));
  EXPECT_THAT(vec("b"), ElementsAre(0, 0, 0));
  EXPECT_THAT(QueryRow(tables, log, Model::kRanking, nobody, 0, context).dense("shown"),
              ElementsAre(0.5f, -2, 8));
  const FeatureStatistics content = LearnTables(
      log, {.defaults = false, .retrieval = {{"vec", "vector(item.vec)", ""}}, .ranking = {}});
  FeatureBlock rows;
  FeatureExtractor(content, log.catalogue(), Model::kRetrieval).AppendContent(log.item("a"), &rows);
  EXPECT_THAT(rows.dense, ElementsAre(0.5f, -2, 8));
  const auto refused = FeaturePlan::Compile({.ranking = {{"p", "vector(item.price)", ""}}}, schema);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("expected a vector of items or users"));
}

TEST_F(Operations, MT09_TheWordsOfATitleHaveRowsAndTitlesOfRequestsShareThem) {
  FeatureStatistics tables =
      LearnTables(log_, {.ranking = {{"x", "tokens(item.title, 1000)", ""},
                                     {"current", "tokens(request.current_item.title, 1000)", ""}}});
  EXPECT_EQ(tables.rows(tables.plan.FindVocabulary("words.title")), 1000u);
  const std::vector<uint32_t> a = Row(tables, "a").ids("x"), b = Row(tables, "b").ids("x");
  EXPECT_EQ(a.size(), 7u) << "4 words and 3 pairs";
  EXPECT_EQ(b.size(), 3u);
  for (const uint32_t row : a) EXPECT_TRUE(row >= 1 && row < 1000);
  EXPECT_THAT(a, Contains(b[0])) << "red";
  EXPECT_THAT(a, Not(Contains(b[1]))) << "hat";
  EXPECT_THAT(Row(tables, "c").ids("x"), IsEmpty()) << "it has no title";
  context_.current_item = log_.item("b");
  const UserState nobody(tables.plan.state());
  EXPECT_EQ(QueryRow(tables, log_, Model::kRanking, nobody, 0, context_).ids("current"), b);
}

TEST_F(Operations, MT09_WordsInCommonAreAShareOfTheShorterText) {
  const std::string search = "overlap(tokens(item.title), tokens(last(search, query)))";
  EXPECT_EQ(Number(search, "a"), 1) << "red and shoes";
  EXPECT_EQ(Number(search, "b"), 0.5f) << "red, but no shoes";
  EXPECT_TRUE(std::isnan(Number(search, "c"))) << "it has no title";
  EXPECT_EQ(Number("overlap(tokens(history(search, query, 9)), tokens(item.title))", "b"), 0.5f);
  const std::string beside = "overlap(tokens(request.current_item.title), tokens(item.title))";
  EXPECT_TRUE(std::isnan(Number(beside, "a"))) << "nothing is being watched";
  context_.current_item = log_.item("b");
  EXPECT_EQ(Number(beside, "a"), 0.5f) << "red";
  EXPECT_EQ(Number(beside, "b"), 1);
  EXPECT_THAT(Row(Learn("plain(" + beside + ")"), "a").dense("x"), ElementsAre(0.5f, 0));
}

TEST_F(Operations, RK01_WordsOfARequestAreMadeOnceForAllItsCandidates) {
  const FeatureStatistics tables =
      Learn("overlap(tokens(item.title), tokens(last(search, query)))");
  const FeatureExtractor extractor(tables, log_.catalogue(), Model::kRanking);
  UserState state = Fold(log_, "u", tables.plan.state());
  NamedRow rows{tables.plan.side(Model::kRanking, Side::kImpression)};
  const auto request = extractor.For(state, 0, context_);
  request.AppendImpression({.item = log_.item("b")}, &rows.block);
  EXPECT_EQ(rows.raw("x"), 0.5f) << "red, but no shoes";
  state = UserState(tables.plan.state());
  rows.block.Clear();
  request.AppendImpression({.item = log_.item("b")}, &rows.block);
  EXPECT_EQ(rows.raw("x"), 0.5f) << "the search was read when the request began";
  rows.block.Clear();
  extractor.For(state, 0, context_).AppendImpression({.item = log_.item("b")}, &rows.block);
  EXPECT_TRUE(std::isnan(rows.raw("x")));
}

TEST_F(Operations, RK08_TheScoreOfASourceIsItsShareAmongThoseOfTheSource) {
  FeatureStatistics tables = Learn("request.source_score");
  tables.source_scores.Learn({{0, 1, 2, 3, 4}, {0, 100, 200, 300, 400}});
  const auto share = [&](uint32_t source, float score) {
    const UserState state = Fold(log_, "u", tables.plan.state());
    return ImpressionRow(tables, log_, state, 0, context_,
                         {.item = 0, .source = source, .source_score = score})
        .raw("x");
  };
  EXPECT_NEAR(share(0, 3), 0.75, 1e-3);
  EXPECT_NEAR(share(1, 300), 0.75, 1e-3);
  EXPECT_LT(share(1, 3), 0.01);
  EXPECT_TRUE(std::isnan(share(0, schema::kAbsent)));
  EXPECT_TRUE(std::isnan(share(schema::kNone, 3)));
}

TEST_F(Operations, LimitCutsAndPlainIsAShareOfTheLimit) {
  EXPECT_EQ(Number("limit(item.duration, 60)", "a"), 60);
  EXPECT_EQ(Number("limit(item.duration, 60)", "b"), 50);
  EXPECT_THAT(Row(Learn("plain(limit(item.duration, 200))"), "b").dense("x"),
              ElementsAre(0.25f, 0));
  EXPECT_THAT(Row(Learn("plain(limit(item.duration, 200))"), "c").dense("x"), ElementsAre(0, 1));
  EXPECT_THAT(Row(Learn("hats(limit(item.duration, 200), 3)"), "b").dense("x"),
              ElementsAre(0.25f, 0.5f, 0.5f, 0.5f, 0));
  EXPECT_THAT(Row(Learn("hats(limit(item.duration, 200), 3)"), "c").dense("x"),
              ElementsAre(0, 0, 0, 0, 0));
}

TEST_F(Operations, ACrossHasARowForEachPairOfIds) {
  const FeatureStatistics tables = Learn("cross(user.region, item.topics, 1000)");
  const std::vector<uint32_t> a = Row(tables, "a").ids("x"), b = Row(tables, "b").ids("x");
  ASSERT_EQ(a.size(), 2u);
  ASSERT_EQ(b.size(), 1u);
  EXPECT_NE(a[0], a[1]);
  EXPECT_TRUE(a[0] == b[0] || a[1] == b[0]) << "both have the topic t2";
  for (const uint32_t row : a) EXPECT_TRUE(row >= 1 && row < 1000);
  EXPECT_THAT(Row(tables, "").ids("x"), IsEmpty());
  EXPECT_EQ(tables.rows(tables.plan.FindVocabulary("cross.x")), 1000u);
}

TEST_F(Operations, AStateOfOtherFeaturesReadsAsThatOfNobody) {
  const FeatureStatistics tables = Learn("count(watch)");
  for (const StateSpec& other : {StateSpec(), tables.plan.retrieval_state()}) {
    const NamedRow row =
        QueryRow(tables, log_, Model::kRanking, Fold(log_, "u", other), schema::kNone, context_);
    EXPECT_EQ(row.raw("x"), 0);
    EXPECT_THAT(row.ids("watched_items"), IsEmpty());
  }
}

TEST_F(Operations, TheCandidateModelReadsNumbersByQuantilesToo) {
  const FeatureStatistics tables = Learn("count(click)", Model::kRetrieval);
  const UserState state = Fold(log_, "u", tables.plan.retrieval_state());
  const NamedRow row = QueryRow(tables, log_, Model::kRetrieval, state, schema::kNone, context_);
  EXPECT_EQ(row.raw("x"), 2);
  EXPECT_GT(row.dense("x")[0], 0);
  EXPECT_EQ(row.dense("x").size(), kPowers);
}

}  // namespace
}  // namespace upnext::features
