#include "evaluation/baseline_losses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace upnext::evaluation {
namespace {

using ::testing::HasSubstr;

// 300 users; every tenth has `more`, and there is some noise.
NamedFigure Row(const char* name, double base, double noise = 0) {
  NamedFigure row{name, {.metric = "ndcg@10", .of = "", .users = {}}};
  for (size_t user = 0; user < 300; ++user) {
    row.figure.users.numerators.push_back(base + (user % 2 == 0 ? noise : -noise));
    row.figure.users.denominators.push_back(1);
  }
  return row;
}

TEST(BaselineLosses, AreThoseWhoseWholeIntervalIsALossTheWorstFirst) {
  const std::vector<NamedFigure> baselines = {
      Row("markov", 0.30), Row("popularity", 0.10), Row("item-knn", 0.40),
      Row("same topic", 0.2001, 0.1),  // larger, but not for certain
  };
  const auto losses = FindLosses("retrieval", Row("candidate model", 0.20), baselines, 1);
  ASSERT_EQ(losses.size(), 2u);
  EXPECT_EQ(losses[0].baseline, "item-knn");
  EXPECT_EQ(losses[1].baseline, "markov");
  EXPECT_NEAR(losses[0].difference.next - losses[0].difference.current, -0.2, 1e-9);
}

TEST(BaselineLosses, OfFewUsersAreNone) {
  NamedFigure ours = Row("candidate model", 0.1), knn = Row("item-knn", 0.4);
  for (NamedFigure* row : {&ours, &knn}) {
    row->figure.users.numerators.resize(kFewestUsers - 1);
    row->figure.users.denominators.resize(kFewestUsers - 1);
  }
  EXPECT_TRUE(FindLosses("retrieval", ours, {&knn, 1}, 1).empty());
}

TEST(BaselineLosses, OfErrorsAreTheSmallerOnes) {
  NamedFigure ours = Row("ranker", 0.20);
  std::vector<NamedFigure> baselines = {Row("mean", 0.40), Row("additive", 0.18),
                                        Row("additive, shrunk", 0.10)};
  ours.figure.less_is_better = true;
  for (NamedFigure& row : baselines) row.figure.less_is_better = true;
  const auto losses = FindLosses("ranking", ours, baselines, 1);
  ASSERT_EQ(losses.size(), 2u);
  EXPECT_EQ(losses[0].baseline, "additive, shrunk");
  EXPECT_EQ(losses[1].baseline, "additive");
  EXPECT_THAT(
      RankerLossText(losses[0], /*reads_reference=*/false),
      HasSubstr("ranking: additive, shrunk has ndcg@10 0.1000, the ranker 0.2000 (difference "
                "+0.1000, 95 % interval +0.1000 to +0.1000): "));
  EXPECT_THAT(RankerLossText(losses[0], /*reads_reference=*/true),
              HasSubstr("lower [ranking] reference_share"));
}

TEST(BaselineLosses, AreOneLineWithWhatToTry) {
  const NamedFigure knn = Row("item-knn", 0.04);
  const auto losses = FindLosses("retrieval", Row("candidate model", 0.024), {&knn, 1}, 1);
  ASSERT_EQ(losses.size(), 1u);
  const std::string line = LossText(losses[0], nullptr, /*order_is_auto=*/false);
  EXPECT_THAT(line, HasSubstr("item-knn has ndcg@10 0.0400, the candidate model 0.0240 "
                              "(difference -0.0160, 95 % interval"));
  EXPECT_THAT(line, HasSubstr("set [retrieval] order = \"auto\""));
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_THAT(LossText(losses[0], nullptr, /*order_is_auto=*/true),
              testing::Not(HasSubstr("order = \"auto\"")));
}

TEST(BaselineLosses, OfARankedFeedNameTheGoalOfItsScore) {
  using ranking::Objective;
  const NamedFigure knn = Row("item-knn", 0.04);
  const auto losses = FindLosses("retrieval", Row("ranked feed", 0.024), {&knn, 1}, 1);
  ASSERT_EQ(losses.size(), 1u);
  const schema::Schema schema;
  features::PositiveRule rule = features::PositiveRule::CompleteEvents();
  std::vector<Objective> objectives = {
      {.name = "seconds", .label = Objective::Label::kWatchSeconds, .score_weight = 1},
      {.name = "click", .event = schema::EventType::kClick},
      {.name = "end", .event = schema::EventType::kComplete, .score_weight = 0.5f}};
  const RankerGoal watch_time = GoalOf(objectives, rule, schema);
  const std::string line = LossText(losses[0], &watch_time, /*order_is_auto=*/false);
  EXPECT_THAT(line,
              HasSubstr("by the score seconds ^ 1 * end ^ 0.5, learned from impressions, which "
                        "is not what the targets are (positive: complete 1)"));
  EXPECT_THAT(line, HasSubstr("score_weight"));
  EXPECT_THAT(line, testing::Not(HasSubstr("set [")));
  EXPECT_EQ(line.find('\n'), std::string::npos);
  objectives.front().score_weight = 0;
  const RankerGoal same = GoalOf(objectives, rule, schema);
  EXPECT_THAT(LossText(losses[0], &same, /*order_is_auto=*/false),
              testing::AllOf(HasSubstr("whose goal the targets are (positive: complete 1)"),
                             testing::Not(HasSubstr("score_weight"))));
  objectives.back().score_weight = -1;
  EXPECT_FALSE(GoalOf(objectives, rule, schema).is_same);
}

}  // namespace
}  // namespace upnext::evaluation
