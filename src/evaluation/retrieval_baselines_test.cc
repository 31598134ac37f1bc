#include "evaluation/retrieval_baselines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/thread_pool.h"
#include "examples/test_world.h"
#include "features/feature_statistics.h"
#include "schema/event.h"

namespace upnext::evaluation {
namespace {

using examples::Click;
using examples::Item;
using examples::kDay;
using examples::kHour;
using examples::kStart;
using examples::Watch;
using examples::World;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

using Scores = std::vector<std::pair<std::string, float>>;  // best first, those above 0

// What each baseline scores for each user's case of the test part.
std::map<std::string, std::map<std::string, Scores>> ScoresByUser(const World& world) {
  base::ThreadPool pool(2);
  const features::FeatureStatistics tables = world.Learn();
  const Subject subject{world.source, tables};
  std::vector<examples::HoldoutCase> cases =
      examples::HoldoutCases(world.source, examples::SplitPart::kTest, pool);
  std::ranges::sort(cases, {}, &examples::HoldoutCase::time_ms);
  std::vector<std::unique_ptr<RetrievalModel>> models;
  AddBaselines(subject, cases, pool, base::NoProgress(), &models);
  std::vector<CaseInput> inputs;
  for (const examples::HoldoutCase& held_out : cases) {
    inputs.emplace_back(held_out.user, StateBefore(subject, held_out), held_out.context);
  }
  std::map<std::string, std::map<std::string, Scores>> all;
  std::vector<float> scores;
  for (const auto& model : models) {
    const ItemOrder& order = model->order();
    if (!cases.empty()) model->MoveTo(cases.front().time_ms);
    EXPECT_TRUE(model->Score(inputs, &scores));
    for (size_t i = 0; i < cases.size(); ++i) {
      Scores& of_case =
          all[model->name()][world.catalogue.Name(schema::IdSpace::kUser, cases[i].user)];
      for (size_t p = 0; p < order.size(); ++p) {
        const float score = scores[i * order.size() + p];
        if (score > 0) {
          of_case.emplace_back(world.catalogue.Name(schema::IdSpace::kItem, order.items[p]), score);
        }
      }
      std::ranges::stable_sort(of_case, std::greater(), &Scores::value_type::second);
    }
  }
  return all;
}

examples::SplitOptions TestFrom(int64_t at) {
  return {.kind = examples::SplitOptions::Kind::kTime,
          .train_until_ms = kStart + at,
          .validation_until_ms = kStart + at};
}

// Case x is at 200 h, case y 5 h later.
TEST(WindowPopularity, CountsWhatEverybodyWatchedBeforeTheMomentOfTheCaseAndNothingLater) {
  const int64_t now = 200 * kHour;
  std::vector<schema::RawEvent> events = {
      Watch("x", "seed", 0, 60), Watch("y", "seed", 0, 60), Watch("a", "week", now - 7 * kDay, 60),
      Watch("b", "week", now - 7 * kDay - 1, 60),
      // For x: a day ago to the millisecond counts, a millisecond earlier does not.
      Watch("a", "edge", now - kDay, 60), Watch("b", "early", now - kDay - 1, 60),
      Watch("a", "six", now - 6 * kHour, 60), Watch("b", "six", now - 6 * kHour - 1, 60),
      Watch("a", "hot", now - 1, 60), Watch("b", "hot", now - kHour, 60),
      Watch("c", "hot", now - kHour, 1),  // not complete
      Watch("x", "target", now, 60),
      // At the moment of x's case, or later: the future.
      Watch("a", "future", now, 60), Watch("b", "future", now + 1, 60),
      Watch("a", "future", now + 4 * kHour, 60), Watch("y", "target", now + 5 * kHour, 60),
      Watch("b", "future", now + 5 * kHour, 60)};
  const World world({.events = events, .split = TestFrom(now)});
  auto scores = ScoresByUser(world);
  EXPECT_THAT(scores["popularity, 7 days"]["x"],
              UnorderedElementsAre(Pair("six", 2), Pair("hot", 2), Pair("edge", 1),
                                   Pair("early", 1), Pair("week", 1)));
  EXPECT_THAT(scores["popularity, 1 day"]["x"],
              UnorderedElementsAre(Pair("six", 2), Pair("hot", 2), Pair("edge", 1)));
  EXPECT_THAT(scores["popularity, 6 h"]["x"], ElementsAre(Pair("hot", 2), Pair("six", 1)));
  // Five hours later the test part up to there is known: three watches of "future", one of x's target.
  EXPECT_THAT(scores["popularity, 6 h"]["y"],
              ElementsAre(Pair("future", 3), Pair("hot", 2), Pair("target", 1)));
}

TEST(RecentlyViewed, AreItemsLookedAtWithoutAPositiveSinceTheNewestFirst) {
  const World world(
      {.events = {Click("u", "a", 1), Click("u", "b", 2), Click("u", "a", 3),
                  examples::Raw("u", "c", 4, schema::EventType::kAddToCart),
                  Watch("u", "d", 5, 1),                       // in part
                  Click("u", "e", 6), Watch("u", "e", 7, 60),  // positive since
                  Click("u", "f", 8), examples::Raw("u", "f", 9, schema::EventType::kDislike),
                  Click("u", "g", 10), examples::Raw("u", "g", 11, schema::EventType::kPurchase),
                  examples::Shown("u", "h", 12),
                  // The test part.
                  Click("u", "later", 60), Watch("u", "a", 61, 60)},
       .split = TestFrom(50)});
  const Scores viewed = ScoresByUser(world)["recently viewed"]["u"];
  std::vector<std::string> names;
  for (const auto& [name, score] : viewed) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("d", "c", "a", "b"));
}

TEST(SameTopic, ScoresItemsOfTheUsersTopicsByDecayedWatchesOfTheTrainingPart) {
  const int64_t week = 7 * kDay;
  const World world(
      {.events = {Watch("a", "p", 0, 60), Watch("b", "p", 0, 60), Watch("a", "q", week, 60),
                  Watch("b", "r", 2 * week, 60), Watch("c", "other", 2 * week, 60),
                  Watch("u", "seed", week, 60), Watch("u", "r", 2 * week + 1, 60),
                  Watch("c", "q", 2 * week + 2, 60)},
       .items = {Item("p", 60, "", {"t"}), Item("q", 60, "", {"t", "s"}), Item("r", 60, "", {"s"}),
                 Item("seed", 60, "", {"t"}), Item("other", 60, "", {"z"})},
       .split = TestFrom(2 * week + 1)});
  // At the newest watch of the training part: p twice two half-lives ago, q and seed one ago.
  EXPECT_THAT(ScoresByUser(world)["same topic"]["u"],
              UnorderedElementsAre(Pair("p", 0.5f), Pair("q", 0.5f), Pair("seed", 0.5f)));
}

TEST(ItemKnn, AddsTheSimilaritiesToTheNewestItems) {
  const World world(
      {.events = {Watch("a", "p", 1, 60), Watch("a", "q", 2, 60), Watch("b", "p", 1, 60),
                  Watch("b", "q", 2, 60), Watch("b", "r", 3, 60), Watch("u", "p", 1, 60),
                  Watch("u", "q", 60, 60), Watch("a", "r", 61, 60)},
       .split = TestFrom(50)});
  // u has p, watched by a, b and u; q by a and b; r by b.
  const Scores scores = ScoresByUser(world)["item-knn"]["u"];
  ASSERT_EQ(scores.size(), 2u);
  EXPECT_EQ(scores[0].first, "q");
  EXPECT_NEAR(scores[0].second, 2 / std::sqrt(3.0 * 2), 1e-6);
  EXPECT_NEAR(scores[1].second, 1 / std::sqrt(3.0 * 1), 1e-6);
}

TEST(Markov, CountsWhatFollowedTheNewestItem) {
  const World world(
      {.events = {Watch("a", "p", 1, 60), Watch("a", "q", 2, 60), Watch("a", "r", 3, 60),
                  Watch("b", "p", 1, 60), Watch("b", "r", 2, 60), Watch("c", "p", 1, 60),
                  Watch("c", "r", 2, 60), Watch("u", "p", 1, 60), Watch("u", "q", 60, 60)},
       .split = TestFrom(50)});
  EXPECT_THAT(ScoresByUser(world)["markov"]["u"], ElementsAre(Pair("r", 2), Pair("q", 1)));
}

TEST(Baselines, AreLeftOutWhereTheLogHasNothingForThem) {
  const World bare(
      {.events = {Watch("u", "a", 1, 60), Watch("v", "a", 2, 60), Watch("u", "b", 60, 60)},
       .split = TestFrom(50)});
  const auto scores = ScoresByUser(bare);
  EXPECT_FALSE(scores.contains("recently viewed"));
  EXPECT_FALSE(scores.contains("same topic"));
  EXPECT_TRUE(scores.contains("popularity, 6 h"));
}

}  // namespace
}  // namespace upnext::evaluation
