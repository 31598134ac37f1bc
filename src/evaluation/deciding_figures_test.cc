#include "evaluation/deciding_figures.h"

#include <gtest/gtest.h>

#include <cmath>

namespace upnext::evaluation {
namespace {

// `users` users of uneven difficulty; each figure is the user's own plus `gain`.
std::vector<DecidingFigure> FigureOf(size_t users, double gain, const char* metric = "ndcg@10") {
  DecidingFigure figure{
      .metric = metric, .of = "", .less_is_better = false, .root = false, .users = {}};
  for (size_t user = 0; user < users; ++user) {
    const double noise = user % 3 == 0 ? 0.02 : -0.01;
    figure.users.numerators.push_back(static_cast<double>(user % 10) / 10 +
                                      (gain == 0 ? 0 : gain + noise));
    figure.users.denominators.push_back(1);
  }
  return {figure};
}

TEST(Difference, PairsUsersSoThatASmallLossOfAllIsCertain) {
  const auto difference = Difference(FigureOf(300, -0.03), FigureOf(300, 0), 1);
  ASSERT_TRUE(difference);
  EXPECT_EQ(difference->users, 300u);
  EXPECT_NEAR(difference->next - difference->current, -0.03, 1e-9);
  // Far below the spread of the users, 0.29 / sqrt(300) for each mean.
  EXPECT_LT(difference->interval.high, -0.02);
  EXPECT_GT(difference->interval.low, -0.04);
}

TEST(Difference, OfSharesOfPairsHasTwiceTheWidth) {
  const auto once = Difference(FigureOf(300, -0.03), FigureOf(300, 0), 1);
  auto next = FigureOf(300, -0.03);
  next.front().of_pairs = true;
  const auto twice = Difference(next, FigureOf(300, 0), 1);
  const auto width = [](const Interval& interval) { return interval.high - interval.low; };
  EXPECT_NEAR(width(twice->interval), 2 * width(once->interval), 1e-12);
  EXPECT_NEAR(twice->interval.low + 0.03, 2 * (once->interval.low + 0.03), 1e-9);
}

TEST(Difference, OfAModelToItselfIsZeroWithoutWidth) {
  const auto difference = Difference(FigureOf(100, 0.1), FigureOf(100, 0.1), 1);
  ASSERT_TRUE(difference);
  EXPECT_EQ(difference->interval.low, 0);
  EXPECT_EQ(difference->interval.high, 0);
}

TEST(Difference, HasNoIntervalOverFewUsers) {
  EXPECT_TRUE(std::isnan(Difference(FigureOf(29, 0.1), FigureOf(29, 0), 1)->interval.low));
  EXPECT_FALSE(std::isnan(Difference(FigureOf(30, 0.1), FigureOf(30, 0), 1)->interval.low));
}

TEST(Difference, UsersInWhomNothingIsMeasuredDoNotCount) {
  auto next = FigureOf(100, 0.1), current = FigureOf(100, 0);
  for (auto* figures : {&next, &current}) {
    for (size_t user = 20; user < 100; ++user) {
      figures->front().users.numerators[user] = figures->front().users.denominators[user] = 0;
    }
  }
  const auto difference = Difference(next, current, 1);
  ASSERT_TRUE(difference);
  EXPECT_EQ(difference->users, 20u);
  EXPECT_TRUE(std::isnan(difference->interval.low));
}

TEST(Difference, OfErrorsIsOfTheRootOfTheirMean) {
  auto next = FigureOf(40, 0), current = FigureOf(40, 0);
  for (size_t user = 0; user < 40; ++user) {
    next.front().users.numerators[user] = 9;
    current.front().users.numerators[user] = 4;
  }
  next.front().root = current.front().root = true;
  const auto difference = Difference(next, current, 1);
  ASSERT_TRUE(difference);
  EXPECT_EQ(difference->next, 3);
  EXPECT_EQ(difference->current, 2);
  EXPECT_EQ(difference->interval.low, 1);
}

TEST(Difference, TakesTheFirstMetricOfTheSameLabelsThatBothHave) {
  auto next = FigureOf(40, 0, "loss"), current = FigureOf(40, 0, "loss");
  next.push_back(FigureOf(40, 0.1, "error").front());
  current.push_back(FigureOf(40, 0, "error").front());
  EXPECT_EQ(Difference(next, current, 1)->metric, "loss");
  current.front().of = "watch seconds up to 60";
  EXPECT_EQ(Difference(next, current, 1)->metric, "error");
  current[1].users.denominators[7] = 2;  // another number of labels
  EXPECT_FALSE(Difference(next, current, 1));
  EXPECT_FALSE(Difference(next, {}, 1));
}

}  // namespace
}  // namespace upnext::evaluation
