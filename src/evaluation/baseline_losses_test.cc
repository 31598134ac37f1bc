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
  const auto losses = FindLosses(Row("candidate model", 0.20), baselines, 1);
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
  EXPECT_TRUE(FindLosses(ours, {&knn, 1}, 1).empty());
}

TEST(BaselineLosses, AreOneLineWithWhatToTry) {
  const NamedFigure knn = Row("item-knn", 0.04);
  const auto losses = FindLosses(Row("candidate model", 0.024), {&knn, 1}, 1);
  ASSERT_EQ(losses.size(), 1u);
  const std::string line = LossText(losses[0], OrderOfFeeds::kNamed);
  EXPECT_THAT(line, HasSubstr("item-knn has ndcg@10 0.0400, the candidate model 0.0240 "
                              "(difference -0.0160, 95 % interval"));
  EXPECT_THAT(line, HasSubstr("set [retrieval] order = \"auto\""));
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_THAT(LossText(losses[0], OrderOfFeeds::kAuto),
              testing::Not(HasSubstr("order = \"auto\"")));
  const std::string ranked = LossText(losses[0], OrderOfFeeds::kRanker);
  EXPECT_THAT(ranked, HasSubstr("the ranker orders feeds"));
  EXPECT_THAT(ranked, testing::Not(HasSubstr("set [")));
}

}  // namespace
}  // namespace upnext::evaluation
