#include "ranking/score.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>

#include "ranking/ranker.h"
#include "ranking/test_batches.h"
#include "schema/event.h"

namespace upnext::ranking {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::vector<Objective> WatchLikeAndRating() {
  std::vector<Objective> objectives = {
      WatchObjective(), EventObjective("like", schema::EventType::kLike), RatingObjective()};
  objectives[0].score_weight = 1;
  objectives[2].score_weight = 0;
  return objectives;
}

TEST(Score, MT08_IsTheProductOfPowersOfAnySubsetAndSignsCount) {
  EXPECT_NEAR(CombinedScore(std::vector<float>{2, 0.5f}, std::vector<float>{3, 4}), 18, 1e-9);
  EXPECT_NEAR(CombinedScore(std::vector<float>{2, 0}, std::vector<float>{3, -4}), 9, 1e-9);
  EXPECT_NEAR(CombinedScore(std::vector<float>{1, -0.5f}, std::vector<float>{3, 4}), 1.5, 1e-9);
}

TEST(Score, MT08_GrowsWithEveryPredictionOfAPositiveExponentAndFallsWithANegativeOne) {
  const std::vector<float> exponents = {0.7f, -1.5f, 0};
  const std::vector<float> from = {0.2f, 0.4f, 0.6f};
  const double score = CombinedScore(exponents, from);
  for (size_t k = 0; k < 3; ++k) {
    std::vector<float> more = from;
    more[k] *= 1.1f;
    const double change = CombinedScore(exponents, more) - score;
    EXPECT_EQ(change > 0, exponents[k] > 0) << k;
    EXPECT_EQ(change < 0, exponents[k] < 0) << k;
  }
}

TEST(Score, OfAPredictionWithoutAPowerIsFiniteAndTheLeast) {
  const std::vector<float> one = {1};
  const double least = CombinedScore(one, std::vector<float>{-4});
  EXPECT_NEAR(least, std::exp(-15.0), 1e-12);
  EXPECT_EQ(CombinedScore(one, std::vector<float>{0}), least);
  EXPECT_GT(CombinedScore(one, std::vector<float>{1e-3f}), least);
}

TEST(Score, WeightsAreReadFromText) {
  const auto weights = ParseScoreWeights("watch:1,not now: x:-0.5");
  ASSERT_TRUE(weights) << weights.error().message;
  EXPECT_THAT(*weights, ElementsAre(Pair("not now: x", -0.5f), Pair("watch", 1.0f)));
  for (const auto& [text, message] : std::map<std::string, std::string>{
           {"watch", "expected NAME:EXPONENT, separated by commas, found 'watch'"},
           {"", "found ''"},
           {":1", "found ':1'"},
           {"watch:1,", "found ''"},
           {"watch:much", "an exponent of 'watch' from -100 to 100, found 'much'"},
           {"watch:nan", "found 'nan'"},
           {"watch:101", "found '101'"},
           {"watch:1 ", "found '1 '"},
           {"a:1,a:2", "found 'a' twice"}}) {
    const auto refused = ParseScoreWeights(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_THAT(refused.error().message, HasSubstr(message));
  }
}

TEST(Score, ExponentsAreThoseOfTheNamedObjectivesAndTheOthersHaveNone) {
  const std::vector<Objective> objectives = WatchLikeAndRating();
  EXPECT_THAT(ExponentsOf(objectives), ElementsAre(1, 0, 0));
  const auto named = ExponentsOf({{"like", 2.0f}, {"rating", -1.0f}}, objectives);
  ASSERT_TRUE(named);
  EXPECT_THAT(*named, ElementsAre(0, 2, -1));
  EXPECT_THAT(ExponentsOf({{"likes", 2.0f}}, objectives).error().message,
              HasSubstr("(watch, like, rating), found 'likes'"));
  EXPECT_THAT(ExponentsOf({{"like", 0.0f}}, objectives).error().message,
              HasSubstr("other than 0 for one of watch, like, rating"));
}

TEST(Score, WeightsOfTheProjectFileReplaceThoseOfTheRanker) {
  const auto config = base::Config::Parse(R"(
    [[ranking.objective]]
    name = "rating"
    label = "rating"
    score_weight = 2
    [[ranking.objective]]
    label = "like"
    [[ranking.objective]]
    label = "save"
    score_weight = -1
  )",
                                          "test.toml");
  ASSERT_TRUE(config);
  const ScoreWeights weights = ScoreWeightsFromConfig(config->Table("ranking"));
  EXPECT_THAT(weights, ElementsAre(Pair("like", 0.0f), Pair("rating", 2.0f), Pair("save", -1.0f)));
  Ranker ranker = MakeRanker({}, WatchLikeAndRating());
  EXPECT_THAT(ranker.SetScoreWeights(weights), ElementsAre("save")) << "not trained";
  EXPECT_THAT(ExponentsOf(ranker.objectives()), ElementsAre(0, 0, 2));
  EXPECT_THAT(ranker.SetScoreWeights({{"save", -1.0f}}), ElementsAre("save"));
  EXPECT_THAT(ExponentsOf(ranker.objectives()), ElementsAre(0, 0, 2)) << "an order is left";
}

}  // namespace
}  // namespace upnext::ranking
