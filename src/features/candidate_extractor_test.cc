#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/rng.h"
#include "features/extract.h"
#include "features/test_log.h"
#include "features/test_tables.h"
#include "schema/raw_event.h"

namespace upnext::features {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::FloatEq;
using testing::IsEmpty;

class CandidateExtractorTest : public testing::Test {
 protected:
  static TestLog MakeLog() {
    auto [events, items] = RandomHistory(300, 12, 9);
    events.front().region = "north";
    events.front().device = "tv";
    schema::RawUser user;
    user.user = "u";
    user.region = "south";
    return TestLog(events, items, {user});
  }
  CandidateBatch Extract(const UserState& state, const schema::User& user = {},
                         const Context& context = {}, int64_t example_age_ms = 0) const {
    CandidateBatch batch;
    CandidateExtractor(tables_, log_.catalogue())
        .Append(state, user, context, example_age_ms, &batch);
    return batch;
  }
  TestLog log_ = MakeLog();
  FeatureStatistics tables_ = LearnTables(log_);
};

TEST_F(CandidateExtractorTest, CG02_WatchesAreTheRowsOfTheBagAndUnknownItemsAreRowZero) {
  // Only the two smallest items have rows.
  const std::vector<uint64_t> counts = {5, 9};
  tables_.vocabularies[static_cast<size_t>(VocabularyId::kItem)] = Vocabulary::Learn(counts, 2);
  UserState state;
  schema::Event event;
  event.type = schema::EventType::kComplete;
  for (const uint32_t item : {1u, 7u, 0u}) {
    event.item = item;
    event.time_ms += 1000;
    state.Apply(event, log_.catalogue(), {});
  }
  const CandidateBatch batch = Extract(state);
  EXPECT_EQ(batch.size(), 1u);
  EXPECT_THAT(batch.watches[0], ElementsAre(1, 0, 2));
}

TEST_F(CandidateExtractorTest, CG08_DemographicsAreSharesAndMissingOnesSaySo) {
  schema::User user;
  const auto numbers = [&] {  // without the hats of the example age
    std::vector<float> dense = Extract(UserState(), user).dense;
    dense.resize(kCandidateDense - kAgeKnots);
    return dense;
  };
  EXPECT_THAT(numbers(), ElementsAre(0, 1, 0, 1, 0, 1, 0, 0));
  user.age = 25;
  user.gender = 0.5f;
  user.logged_in = 1;
  EXPECT_THAT(numbers(), ElementsAre(FloatEq(0.25f), 0, FloatEq(0.5f), 0, 1, 0, 0, 0));
  user.age = 1e9f;
  user.gender = -3;
  user.logged_in = 17;
  for (const float x : Extract(UserState(), user, {}, INT64_MAX).dense) {
    EXPECT_GE(x, 0);
    EXPECT_LE(x, 1);
  }
}

TEST_F(CandidateExtractorTest, CG09_HatsOfTheExampleAgeSumToOneAndMeanIt) {
  const int64_t window_ms = tables_.train_end_ms - tables_.train_begin_ms;
  for (const double share : {0.0, 0.001, 0.1, 0.37, 0.9, 1.0}) {
    const CandidateBatch batch =
        Extract(UserState(), {}, {}, static_cast<int64_t>(share * static_cast<double>(window_ms)));
    float sum = 0, mean = 0;
    int positive = 0;
    for (size_t k = 0; k < kAgeKnots; ++k) {
      const float hat = batch.dense[kCandidateDense - kAgeKnots + k];
      EXPECT_GE(hat, 0);
      sum += hat;
      mean += hat * static_cast<float>(k) / (kAgeKnots - 1);
      positive += hat > 0 ? 1 : 0;
    }
    EXPECT_FLOAT_EQ(sum, 1);
    EXPECT_NEAR(mean, batch.dense[6], 1e-5);
    EXPECT_LE(positive, 2);
  }
  EXPECT_EQ(Extract(UserState(), {}).dense[kCandidateDense - kAgeKnots], 1) << "now";
}

TEST_F(CandidateExtractorTest, CG09_ExampleAgeIsAShareOfTheWindowAndZeroAtServing) {
  const int64_t window_ms = tables_.train_end_ms - tables_.train_begin_ms;
  const auto age = [&](int64_t example_age_ms) {
    const CandidateBatch batch = Extract(UserState(), {}, {}, example_age_ms);
    EXPECT_FLOAT_EQ(batch.dense[7] * batch.dense[7], batch.dense[6]);
    return batch.dense[6];
  };
  EXPECT_EQ(age(0), 0);
  EXPECT_EQ(age(-5'000), 0);
  EXPECT_FLOAT_EQ(age(window_ms / 4), 0.25f);
  EXPECT_EQ(age(window_ms), 1);
  tables_.train_end_ms = tables_.train_begin_ms;
  EXPECT_EQ(age(1'000'000), 0) << "a window without length";
}

TEST_F(CandidateExtractorTest, CG21_TheOrderOfSearchesCannotBeTold) {
  std::vector<uint32_t> queries(log_.catalogue().size(schema::IdSpace::kQuery));
  ASSERT_GT(queries.size(), 5u);
  std::iota(queries.begin(), queries.end(), 0u);
  const auto digest = [&] {
    UserState state;
    schema::Event event;
    event.type = schema::EventType::kSearch;
    for (const uint32_t query : queries) {
      event.query = query;
      event.time_ms += 1000;
      state.Apply(event, log_.catalogue(), {});
    }
    return Digest(Extract(state));
  };
  const uint64_t expected = digest();
  base::Rng rng(1);
  for (int i = 0; i < 10; ++i) {
    for (size_t j = queries.size(); j > 1; --j) std::swap(queries[j - 1], queries[rng.Below(j)]);
    EXPECT_EQ(digest(), expected);
  }
}

TEST_F(CandidateExtractorTest, CG03_TokensOfAllSearchesAreUnigramsAndBigrams) {
  UserState state;
  schema::Event event;
  event.type = schema::EventType::kSearch;
  event.query = log_.catalogue().FindOrAdd(schema::IdSpace::kQuery, "query 3 unheard");
  event.time_ms = 1;
  state.Apply(event, log_.catalogue(), {});
  const CandidateBatch batch = Extract(state);
  std::vector<std::string> names;
  for (const uint32_t row : batch.tokens[0]) {
    names.emplace_back(row == 0 ? "?" : tables_.tokens.token(row));
  }
  EXPECT_THAT(names, ElementsAre("query", "3", "?", "query 3", "?"));
}

TEST_F(CandidateExtractorTest, CG22_AUserWithoutHistoryHasEmptyBagsAndARegion) {
  const schema::User user = log_.catalogue().user(log_.Id(schema::IdSpace::kUser, "u"));
  const Vocabulary& regions = tables_.vocabulary(VocabularyId::kRegion);
  const uint32_t north = log_.Id(schema::IdSpace::kRegion, "north");
  const CandidateBatch at_home = Extract(UserState(), user);
  EXPECT_THAT(at_home.watches[0], IsEmpty());
  EXPECT_THAT(at_home.tokens[0], IsEmpty());
  EXPECT_THAT(at_home.region, ElementsAre(regions.Row(user.region)));
  EXPECT_THAT(at_home.device, ElementsAre(0u));
  const CandidateBatch away = Extract(
      UserState(), user, {.device = log_.Id(schema::IdSpace::kDevice, "tv"), .region = north});
  EXPECT_THAT(away.region, ElementsAre(regions.Row(north))) << "the request's goes first";
  EXPECT_NE(away.region, at_home.region);
  EXPECT_NE(away.device[0], 0u);
  EXPECT_THAT(Extract(UserState()).region, ElementsAre(0u));
}

TEST_F(CandidateExtractorTest, DroppedFieldsAreAbsent) {
  const UserState state = Fold(log_, "u");
  schema::User user;
  user.age = 30;
  user.region = 0;
  const Context context{.device = 0};
  tables_.spec.drop = {"watches", "age", "region"};
  const CandidateBatch some = Extract(state, user, context, 5'000'000);
  EXPECT_THAT(some.watches[0], IsEmpty());
  EXPECT_FALSE(some.tokens[0].empty());
  EXPECT_THAT(some.region, ElementsAre(0u));
  EXPECT_NE(some.device[0], 0u);
  EXPECT_EQ(some.dense[1], 1);
  EXPECT_GT(some.dense[6], 0);
  tables_.spec.drop = FieldNames();
  const CandidateBatch none = Extract(state, user, context, 5'000'000);
  EXPECT_EQ(Digest(none), Digest(Extract(UserState(), {}, {})));
}

TEST_F(CandidateExtractorTest, ABatchIsTheSameAsItsExamplesOneByOne) {
  const CandidateExtractor extractor(tables_, log_.catalogue());
  CandidateBatch batch;
  UserState state(UserState::Parts::kBags);
  std::vector<uint64_t> alone;
  for (const schema::Event& event : log_.Events("u")) {
    CandidateBatch one;
    extractor.Append(state, {}, {.time_ms = event.time_ms}, 7, &one);
    extractor.Append(state, {}, {.time_ms = event.time_ms}, 7, &batch);
    const size_t e = batch.size() - 1;
    ASSERT_TRUE(std::ranges::equal(one.watches[0], batch.watches[e]));
    ASSERT_TRUE(std::ranges::equal(one.tokens[0], batch.tokens[e]));
    state.Apply(event, log_.catalogue(), {});
  }
  EXPECT_EQ(batch.dense.size(), batch.size() * kCandidateDense);
  batch.Clear();
  EXPECT_EQ(Digest(batch), Digest(CandidateBatch()));
}

}  // namespace
}  // namespace upnext::features
