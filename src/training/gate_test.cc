#include "training/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace upnext::training {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

evaluation::Report Example() {
  evaluation::Report report;
  evaluation::RetrievalReport& retrieval = report.retrieval.emplace();
  retrieval.model = {"candidate model", {{"ndcg@10", {0.18, {0.17, 0.19}}}}};
  retrieval.users = 6040;
  evaluation::RankingReport& ranking = report.ranking.emplace();
  ranking.model = {
      "ranker", {{"weighted_user_loss", {0.4, {0.38, 0.42}}}, {"watch_rmse_s", {24.5, {23, 26}}}}};
  ranking.impressions = 3821;
  report.split = "time: train < A <= validation < B <= test";
  return report;
}

TEST(WorseThan, LooksAtTheMainFigureOfEachStageBeyondTheMargin) {
  const evaluation::Report current = Example();
  evaluation::Report next = Example();
  EXPECT_EQ(WorseThan(next, current, 0.02), "");
  next.retrieval->model.metrics["ndcg@10"].value = 0.18 * 0.985;
  next.ranking->model.metrics["weighted_user_loss"].value = 0.4 * 1.015;
  EXPECT_EQ(WorseThan(next, current, 0.02), "");
  EXPECT_THAT(WorseThan(next, current, 0.01), HasSubstr("ndcg@10"));
  next.retrieval->model.metrics["ndcg@10"].value = 0.3;
  EXPECT_THAT(WorseThan(next, current, 0.01), HasSubstr("weighted_user_loss"));
  next.ranking->model.metrics["weighted_user_loss"].value = 0.1;
  EXPECT_EQ(WorseThan(next, current, 0), "");
}

TEST(WorseThan, WithoutPagesTheErrorOfWatchTimeDecides) {
  evaluation::Report current = Example(), next = Example();
  for (evaluation::Report* report : {&current, &next}) {
    report->ranking->model.metrics["weighted_user_loss"].value = kNan;
  }
  next.ranking->model.metrics["watch_rmse_s"].value = 30;
  EXPECT_THAT(WorseThan(next, current, 0.02), HasSubstr("watch_rmse_s"));
}

TEST(WorseThan, AStageThatTheNextLacksIsWorseAndOneThatItAddsIsNot) {
  evaluation::Report without_ranking = Example(), without_retrieval = Example();
  without_ranking.ranking.reset();
  without_retrieval.retrieval.reset();
  EXPECT_THAT(WorseThan(without_ranking, Example(), 0.5), HasSubstr("no ranking figures"));
  EXPECT_THAT(WorseThan(without_retrieval, Example(), 0.5), HasSubstr("no retrieval figures"));
  EXPECT_EQ(WorseThan(Example(), without_ranking, 0), "");
  EXPECT_EQ(WorseThan(Example(), without_retrieval, 0), "");
  EXPECT_EQ(WorseThan(without_ranking, without_ranking, 0), "");
}

TEST(WorseThan, SaysWhenTheFiguresComeFromDifferentTestSets) {
  const evaluation::Report current = Example();
  evaluation::Report next = Example();
  next.split = "leave one out";
  EXPECT_EQ(WorseThan(next, current, 0.02), "");
  next.retrieval->model.metrics["ndcg@10"].value = 0.1;
  const std::string why = WorseThan(next, current, 0.02);
  EXPECT_THAT(why, HasSubstr("different test sets"));
  EXPECT_THAT(why, HasSubstr("leave one out"));
  EXPECT_THAT(why, HasSubstr("train < A"));
  next.split = current.split;
  EXPECT_THAT(WorseThan(next, current, 0.02), Not(HasSubstr("test sets")));
  next.retrieval->users = 25;
  EXPECT_THAT(WorseThan(next, current, 0.02), HasSubstr("25 users of retrieval"));
}

}  // namespace
}  // namespace upnext::training
