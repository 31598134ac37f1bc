#include "features/retrieval_reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_folder.h"
#include "features/feature_plan.h"
#include "features/test_log.h"
#include "features/test_reference.h"
#include "features/test_tables.h"

namespace upnext::features {
namespace {

using testing::HasSubstr;

FeatureSpec WithReference() {
  return {.ranking = {{"dot", "request.retrieval_score", ""},
                      {"user_vector", "vector(request.user_vector, 3)", ""}}};
}

std::string MistakeIn(const FeatureSpec& spec, const schema::Schema& schema = {}) {
  const Result<FeaturePlan> plan = FeaturePlan::Compile(spec, schema);
  return plan ? "none" : plan.error().message;
}

TEST(RetrievalReference, RK16_TheRankersFeaturesAreANumberOfTheCandidateAndAVectorOfTheRequest) {
  const Result<FeaturePlan> plan = FeaturePlan::Compile(WithReference(), {});
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_TRUE(plan->reads_reference());
  EXPECT_EQ(plan->user_vector_floats(), 3u);
  const Feature& dot = plan->side(Model::kRanking, Side::kImpression).numbers.back();
  EXPECT_EQ(dot.name, "dot");
  EXPECT_TRUE(dot.by_quantiles());
  const SidePlan& query = plan->side(Model::kRanking, Side::kQuery);
  EXPECT_EQ(query.numbers.back().name, "user_vector");
  EXPECT_EQ(query.dense_width, query.numbers.back().dense + 3);
  EXPECT_FALSE(FeaturePlan().reads_reference()) << "not among the default features";
  FeatureSpec dropped = WithReference();
  dropped.drop = {"dot", "user_vector"};
  EXPECT_FALSE(FeaturePlan::Compile(dropped, {})->reads_reference());
}

TEST(RetrievalReference, RK16_MistakesAreNamed) {
  const auto of_ranker = [](const std::string& from) {
    return MistakeIn({.ranking = {{"x", from, ""}}});
  };
  EXPECT_THAT(of_ranker("request.user_vector"), HasSubstr("use vector(request.user_vector, N)"));
  EXPECT_THAT(of_ranker("vector(item.title, 3)"), HasSubstr("expected request.user_vector"));
  EXPECT_THAT(of_ranker("vector(request.user_vector, 0)"), HasSubstr("from 1 to 4096"));
  EXPECT_THAT(of_ranker("vector(request.user_vector, 16.5)"),
              HasSubstr("expected a whole number from 1 to 4096, found '16.5'"));
  EXPECT_THAT(of_ranker("vector(request.user_vector)"), HasSubstr("found 1 arguments"));
  EXPECT_THAT(of_ranker("request.retrieval_scor"),
              HasSubstr("did you mean 'request.retrieval_score'"));
  EXPECT_THAT(of_ranker("plain(request.retrieval_score)"), HasSubstr("limit(NUMBER, MAX)"));
  for (const char* from : {"request.retrieval_score", "vector(request.user_vector, 3)"}) {
    EXPECT_THAT(MistakeIn({.retrieval = {{"x", from, ""}}}),
                HasSubstr("a feature of the ranker alone; declare it for ranking"));
  }
  FeatureSpec two = WithReference();
  two.ranking.push_back({"again", "vector(request.user_vector, 4)", ""});
  EXPECT_THAT(MistakeIn(two), HasSubstr("expected 3 as in another feature, found 4"));
}

TEST(RetrievalReference, NamesThatAreNoAttributesSayWhereTheyCanBeUsed) {
  for (const auto& [from, why] :
       {std::pair("cross(request.retrieval_score, item.channel, 9)", "only by itself"),
        std::pair("match(item.channel, request.retrieval_score)", "only by itself"),
        std::pair("overlap(example_age, item.topics)", "only by itself"),
        std::pair("request.region else request.retrieval_score", "only by itself"),
        std::pair("age(request.time)", "only in hour(request.time) and weekday(request.time)"),
        std::pair("request.time", "only in hour(request.time) and weekday(request.time)"),
        std::pair("tokens(request.user_vector, 9)", "only in vector(request.user_vector, N)")}) {
    const std::string mistake = MistakeIn({.ranking = {{"x", from, ""}}});
    EXPECT_THAT(mistake, HasSubstr(std::string("cannot be used here, ") + why)) << from;
    EXPECT_THAT(mistake, Not(HasSubstr("unknown"))) << from;
  }
}

TEST(RetrievalReference, RK16_ADeclaredAttributeOfTheSameNameIsAMistake) {
  const auto schema = schema::Schema::Parse("[schema.requests]\nretrieval_score = \"number\"\n");
  ASSERT_TRUE(schema) << schema.error().message;
  EXPECT_THAT(MistakeIn(WithReference(), *schema), HasSubstr("rename the declared attribute"));
}

class ReferenceStatistics : public testing::Test {
 protected:
  const TestLog log_{{Watch("u", "a", Minutes(1), 60), Watch("u", "b", Minutes(2), 70)},
                     {ItemOf("a", 100, "c", {}), ItemOf("b", 50, "c", {})},
                     {}};
  FeatureStatistics Referring(int64_t end_ms) const {
    FeatureStatistics tables = LearnTables(log_, WithReference());
    tables.Refer(ReferenceOf(LearnTables(log_, WithReference()), end_ms));
    return tables;
  }
};

TEST_F(ReferenceStatistics, RK16_VectorsAreReadAsTheyAreAndAreZeroWhenDropped) {
  FeatureStatistics tables = Referring(0);
  const UserState state = Fold(log_, "u", tables.plan.state());
  EXPECT_EQ(QueryRow(tables, log_, Model::kRanking, state, 0, {.time_ms = 5}).dense("user_vector"),
            (std::vector<float>{1, 2, 3}));
  FeatureSpec spec = WithReference();
  spec.drop = {"user_vector"};
  FeatureStatistics dropped = LearnTables(log_, spec);
  dropped.Refer(tables.reference);
  EXPECT_EQ(QueryRow(dropped, log_, Model::kRanking, state, 0, {.time_ms = 5}).dense("user_vector"),
            (std::vector<float>{0, 0, 0}));
}

TEST_F(ReferenceStatistics, RK16_TheStampIsSavedAndOneThatNoFeatureReadsIsRefused) {
  const base::TestFolder folder;
  const FeatureStatistics tables = Referring(123);
  ASSERT_TRUE(tables.Save(folder / "f"));
  const auto loaded = FeatureStatistics::Load(folder / "f");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->reference_stamp, (ReferenceStamp{77, 123}));
  EXPECT_EQ(loaded->reference, nullptr) << "it is another part";
  FeatureStatistics plain = LearnTables(log_);
  plain.reference_stamp = {77, 123};
  ASSERT_TRUE(plain.Save(folder / "f"));
  EXPECT_EQ(FeatureStatistics::Load(folder / "f").error().code, Code::kDataLoss);
}

}  // namespace
}  // namespace upnext::features
