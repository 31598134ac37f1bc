#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/rng.h"
#include "features/feature_extractor.h"
#include "features/test_log.h"
#include "features/test_tables.h"
#include "schema/raw_event.h"

namespace upnext::features {
namespace {

using testing::ElementsAre;
using testing::FloatEq;
using testing::IsEmpty;

class CandidateFeatures : public testing::Test {
 protected:
  static TestLog MakeLog() {
    auto [events, items] = RandomHistory(300, 12, 9);
    events.front().region = "north";
    events.front().device = "tv";
    schema::RawUser user, known, old;
    user.user = "u";
    user.region = "south";
    known.user = "known";
    known.age = 25;
    known.gender = 0.5f;
    known.logged_in = 1;
    old.user = "old";
    old.age = 150;
    old.gender = 1;
    old.logged_in = 1;
    return TestLog(events, items, {user, known, old});
  }
  uint32_t User(std::string_view name) const { return log_.Id(schema::IdSpace::kUser, name); }
  NamedRow Extract(const UserState& state, uint32_t user = schema::kNone,
                   const Context& context = {}) const {
    return QueryRow(tables_, log_, Model::kRetrieval, state, user, context);
  }
  TestLog log_ = MakeLog();
  FeatureStatistics tables_ = LearnTables(log_);
};

TEST_F(CandidateFeatures, CG02_WatchesAreTheRowsOfTheBagAndUnknownItemsAreRowZero) {
  // Only the two smallest items have rows.
  const std::vector<uint64_t> counts = {5, 9};
  tables_.vocabularies[tables_.plan.FindVocabulary(kItemVocabulary)] = Vocabulary::Learn(counts, 2);
  UserState state = EmptyState();
  schema::Event event;
  event.type = schema::EventType::kComplete;
  for (const uint32_t item : {1u, 7u, 0u}) {
    event.item = item;
    event.time_ms += 1000;
    state.Apply(event, log_.catalogue(), {});
  }
  EXPECT_THAT(Extract(state).ids("watches"), ElementsAre(1, 0, 2));
}

TEST_F(CandidateFeatures, CG08_DemographicsAreSharesAndMissingOnesSaySo) {
  const NamedRow unknown = Extract(EmptyState()), known = Extract(EmptyState(), User("known"));
  for (const char* name : {"age", "gender", "logged_in"}) {
    EXPECT_THAT(unknown.dense(name), ElementsAre(0, 1));
  }
  EXPECT_THAT(known.dense("age"), ElementsAre(FloatEq(0.25f), 0));
  EXPECT_THAT(known.dense("gender"), ElementsAre(FloatEq(0.5f), 0));
  EXPECT_THAT(known.dense("logged_in"), ElementsAre(1, 0));
  const NamedRow old = Extract(EmptyState(), User("old"), {.example_age_ms = INT64_MAX});
  for (const float x : old.block.dense) {
    EXPECT_GE(x, 0);
    EXPECT_LE(x, 1);
  }
}

TEST_F(CandidateFeatures, CG09_HatsOfTheExampleAgeSumToOneAndMeanIt) {
  const auto window_ms = static_cast<double>(tables_.train_end_ms - tables_.train_begin_ms);
  for (const double share : {0.0, 0.001, 0.1, 0.37, 0.9, 1.0}) {
    const std::vector<float> age =
        Extract(EmptyState(), schema::kNone,
                {.example_age_ms = static_cast<int64_t>(share * window_ms)})
            .dense("example_age");
    ASSERT_EQ(age.size(), 34u);
    float sum = 0, mean = 0;
    int positive = 0;
    for (size_t k = 0; k < 32; ++k) {
      EXPECT_GE(age[2 + k], 0);
      sum += age[2 + k];
      mean += age[2 + k] * static_cast<float>(k) / 31;
      positive += age[2 + k] > 0 ? 1 : 0;
    }
    EXPECT_FLOAT_EQ(sum, 1);
    EXPECT_NEAR(mean, age[0], 1e-5);
    EXPECT_LE(positive, 2);
  }
  EXPECT_EQ(Extract(EmptyState()).dense("example_age")[2], 1) << "now";
}

TEST_F(CandidateFeatures, CG09_ExampleAgeIsAShareOfTheWindowAndZeroAtServing) {
  const int64_t window_ms = tables_.train_end_ms - tables_.train_begin_ms;
  const auto age = [&](int64_t example_age_ms) {
    const std::vector<float> dense =
        Extract(EmptyState(), schema::kNone, {.example_age_ms = example_age_ms})
            .dense("example_age");
    EXPECT_FLOAT_EQ(dense[1] * dense[1], dense[0]);
    return dense[0];
  };
  EXPECT_EQ(age(0), 0);
  EXPECT_EQ(age(-5'000), 0);
  EXPECT_FLOAT_EQ(age(window_ms / 4), 0.25f);
  EXPECT_EQ(age(window_ms), 1);
  tables_.train_end_ms = tables_.train_begin_ms;
  EXPECT_EQ(age(1'000'000), 0) << "a window without length";
}

TEST_F(CandidateFeatures, CG21_TheOrderOfSearchesCannotBeTold) {
  std::vector<uint32_t> queries(log_.catalogue().size(schema::IdSpace::kQuery));
  ASSERT_GT(queries.size(), 5u);
  std::iota(queries.begin(), queries.end(), 0u);
  const auto digest = [&] {
    UserState state = EmptyState();
    schema::Event event;
    event.type = schema::EventType::kSearch;
    for (const uint32_t query : queries) {
      event.query = query;
      event.time_ms += 1000;
      state.Apply(event, log_.catalogue(), {});
    }
    const NamedRow row = Extract(state);
    EXPECT_FALSE(row.ids("searches").empty());
    return Digest(row.block);
  };
  const uint64_t expected = digest();
  base::Rng rng(1);
  for (int i = 0; i < 10; ++i) {
    for (size_t j = queries.size(); j > 1; --j) std::swap(queries[j - 1], queries[rng.Below(j)]);
    EXPECT_EQ(digest(), expected);
  }
}

TEST_F(CandidateFeatures, CG03_TokensOfAllSearchesAreUnigramsAndBigrams) {
  UserState state = EmptyState();
  schema::Event event;
  event.type = schema::EventType::kSearch;
  event.query = log_.Add(schema::IdSpace::kQuery, "query 3 unheard");
  event.time_ms = 1;
  state.Apply(event, log_.catalogue(), {});
  std::vector<std::string> names;
  for (const uint32_t row : Extract(state).ids("searches")) {
    names.emplace_back(row == 0 ? "?" : tables_.tokens.token(row));
  }
  EXPECT_THAT(names, ElementsAre("query", "3", "?", "query 3", "?"));
}

TEST_F(CandidateFeatures, CG22_AUserWithoutHistoryHasEmptyBagsAndARegion) {
  EXPECT_THAT(Extract(EmptyState()).ids("watches"), IsEmpty());
  EXPECT_THAT(Extract(EmptyState()).ids("searches"), IsEmpty());
  const auto region = [&](std::string_view name) {
    return tables_.vocabulary("region").Row(log_.Id(schema::IdSpace::kRegion, name));
  };
  const Context in_the_north{.device = log_.Id(schema::IdSpace::kDevice, "tv"),
                             .region = log_.Id(schema::IdSpace::kRegion, "north")};
  const NamedRow home = Extract(EmptyState(), User("u"));
  const NamedRow away = Extract(EmptyState(), User("u"), in_the_north);
  EXPECT_THAT(home.ids("region"), ElementsAre(region("south")));
  EXPECT_THAT(away.ids("region"), ElementsAre(region("north")));
  EXPECT_THAT(home.ids("device"), IsEmpty());
  EXPECT_THAT(away.ids("device"), ElementsAre(tables_.vocabulary(kDeviceVocabulary).Row(0)));
  EXPECT_THAT(Extract(EmptyState()).ids("region"), IsEmpty());
}

TEST_F(CandidateFeatures, DroppedFeaturesAreAbsent) {
  const UserState state = Fold(log_, "u");
  const Context context{.device = 0, .region = 0, .example_age_ms = 5'000'000};
  tables_ = LearnTables(log_, {.drop = {"watches", "age", "region"}});
  const NamedRow some = Extract(state, User("known"), context);
  EXPECT_THAT(some.ids("watches"), IsEmpty());
  EXPECT_FALSE(some.ids("searches").empty());
  EXPECT_THAT(some.ids("region"), IsEmpty());
  EXPECT_FALSE(some.ids("device").empty());
  EXPECT_THAT(some.dense("age"), ElementsAre(0, 1));
  EXPECT_THAT(some.dense("gender"), ElementsAre(FloatEq(0.5f), 0));
  EXPECT_GT(some.dense("example_age")[0], 0);
  tables_ = LearnTables(log_, {.drop = FeatureSpec().Names()});
  EXPECT_EQ(Digest(Extract(state, User("known"), context).block),
            Digest(Extract(EmptyState()).block));
}

TEST_F(CandidateFeatures, ABatchIsTheSameAsItsExamplesOneByOne) {
  const FeatureExtractor extractor(tables_, log_.catalogue(), Model::kRetrieval);
  FeatureBlock batch, copied;
  UserState state(tables_.plan.retrieval_state());
  for (const schema::Event& event : log_.Events("u")) {
    const Context context{.time_ms = event.time_ms, .example_age_ms = 7};
    FeatureBlock one;
    extractor.AppendQuery(state, User("u"), context, &one);
    extractor.AppendQuery(state, User("u"), context, &batch);
    copied.AppendRow(one, 0);
    state.Apply(event, log_.catalogue(), {});
  }
  EXPECT_EQ(batch.rows, log_.Events("u").size());
  EXPECT_EQ(Digest(batch), Digest(copied));
  batch.Clear();
  copied.Clear();
  EXPECT_EQ(batch.rows, 0u);
  EXPECT_EQ(Digest(batch), Digest(copied));
}

}  // namespace
}  // namespace upnext::features
