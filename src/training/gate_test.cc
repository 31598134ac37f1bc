#include "training/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "base/rng.h"
#include "ranking/ranker.h"

namespace upnext::training {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr size_t kUsers = 200;

evaluation::DecidingFigure Figure(const char* metric, bool less_is_better, double mean,
                                  size_t users = kUsers) {
  evaluation::DecidingFigure figure{
      .metric = metric, .of = "", .less_is_better = less_is_better, .root = false, .users = {}};
  base::Rng rng(7);
  for (size_t user = 0; user < users; ++user) {
    figure.users.numerators.push_back(mean * (0.5 + rng.Uniform()));
    figure.users.denominators.push_back(1);
  }
  return figure;
}

evaluation::DecidingFigures Figures(double ndcg, double loss, size_t users = kUsers) {
  return {.retrieval = {Figure("ndcg@10", false, ndcg, users)},
          .ranking = {Figure("weighted_user_loss", true, loss, users)}};
}

evaluation::Report ReportOfBoth() {
  evaluation::Report report;
  report.retrieval.emplace().model = {"candidate model", {{"ndcg@10", {0.18, {0.17, 0.19}}}}};
  report.ranking.emplace().model = {"ranker", {{"weighted_user_loss", {0.4, {0.38, 0.42}}}}};
  report.seed = 1;
  return report;
}

CurrentFigures Current(size_t users = kUsers) {
  return {.version = "v000007",
          .incomparable = "",
          .has_candidate = false,
          .has_ranker = false,
          .report = ReportOfBoth(),
          .deciding = Figures(0.2, 0.4, users)};
}

std::string Judged(const CurrentFigures& current, const evaluation::DecidingFigures& next,
                   double margin, evaluation::Report* report) {
  *report = ReportOfBoth();
  return Judge(current, next, {}, margin, report);
}

TEST(Gate, RefusesWhenTheWholeIntervalOfAStageIsALossBeyondTheMargin) {
  evaluation::Report report;
  EXPECT_EQ(Judged(Current(), Figures(0.2, 0.4), 0, &report), "");
  EXPECT_EQ(Judged(Current(), Figures(0.3, 0.3), 0, &report), "");
  EXPECT_THAT(
      Judged(Current(), Figures(0.18, 0.3), 0.02, &report),
      testing::AllOf(HasSubstr("retrieval ndcg@10"), HasSubstr("v000007"), HasSubstr("200 users")));
  EXPECT_THAT(Judged(Current(), Figures(0.3, 0.45), 0.02, &report),
              HasSubstr("ranking weighted_user_loss"));
  // A loss that is certain, but small.
  EXPECT_EQ(Judged(Current(), Figures(0.197, 0.4), 0.02, &report), "");
  EXPECT_NE(Judged(Current(), Figures(0.197, 0.4), 0, &report), "");
}

TEST(Gate, ALossThatMayBeNoiseIsPublished) {
  CurrentFigures current = Current();
  evaluation::DecidingFigures next = Figures(0.2, 0.4);
  // Worse by 7 % in the mean, by users that differ in both directions.
  base::Rng rng(3);
  for (double& value : next.retrieval[0].users.numerators) value += 0.4 * (rng.Uniform() - 0.53);
  evaluation::Report report;
  EXPECT_EQ(Judged(current, next, 0, &report), "");
  ASSERT_EQ(report.differences.size(), 2u);
  EXPECT_LT(report.differences[0].next, report.differences[0].current);
  EXPECT_GT(report.differences[0].interval.high, 0);
}

TEST(Gate, BothReportsAreKept) {
  evaluation::Report report;
  EXPECT_EQ(Judged(Current(), Figures(0.3, 0.3), 0.02, &report), "");
  ASSERT_TRUE(report.retrieval->current && report.ranking->current);
  EXPECT_EQ(report.retrieval->current->name, "current bundle v000007");
  EXPECT_EQ(report.retrieval->current->metrics.at("ndcg@10").value, 0.18);
  ASSERT_EQ(report.differences.size(), 2u);
  EXPECT_EQ(report.differences[0].stage, "retrieval");
  EXPECT_EQ(report.differences[1].stage, "ranking");
}

TEST(Gate, FewUsersDecideNothing) {
  evaluation::Report report;
  EXPECT_EQ(Judged(Current(29), Figures(0.01, 0.9, 29), 0.02, &report), "");
  EXPECT_NE(Judged(Current(30), Figures(0.01, 0.9, 30), 0.02, &report), "");
}

TEST(Gate, WhatCannotBeComparedIsPublishedWithANote) {
  CurrentFigures current = Current();
  current.incomparable = "it was trained under another [schema]";
  evaluation::Report report;
  EXPECT_EQ(Judged(current, Figures(0.01, 0.9), 0.02, &report), "");
  EXPECT_THAT(report.notes, ElementsAre("not compared with bundle v000007: it was trained under "
                                        "another [schema]"));
  EXPECT_TRUE(report.differences.empty());

  current = Current();
  current.deciding.ranking[0].of = "other labels";
  EXPECT_EQ(Judged(current, Figures(0.3, 0.9), 0.02, &report), "");
  EXPECT_THAT(report.notes, ElementsAre(HasSubstr("ranking: not compared")));
  EXPECT_EQ(report.differences.size(), 1u);
}

TEST(Gate, ABundleWithoutFiguresIsPublishedAndSaysThatNothingWasMeasured) {
  evaluation::Report report;
  EXPECT_EQ(Judge(Current(), {}, {}, 0.02, &report), "");
  EXPECT_THAT(report.notes, ElementsAre(HasSubstr("nothing was measured")));
}

TEST(Gate, AModelThatTheNewBundleLacksIsMissed) {
  CurrentFigures current = Current();
  current.has_ranker = true;
  evaluation::Report report;
  EXPECT_THAT(Judged(current, Figures(0.3, 0.3), 0.02, &report), HasSubstr("no ranking model"));
  current.has_ranker = false;
  current.has_candidate = true;
  EXPECT_THAT(Judged(current, Figures(0.3, 0.3), 0.02, &report), HasSubstr("no retrieval model"));
}

TEST(Gate, TheFirstBundleIsPublished) {
  evaluation::Report report;
  EXPECT_EQ(Judged(CurrentFigures(), Figures(0.01, 0.9), 0.02, &report), "");
}

}  // namespace
}  // namespace upnext::training
