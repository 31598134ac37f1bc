// The counts of the published protocols on their data sets. Needs UPNEXT_DATA (the folder with
// kuairand/, ml-1m/ and beauty/), which may not be distributed.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "base/config.h"
#include "base/test_folder.h"
#include "evaluation/evaluate.h"
#include "examples/learn.h"
#include "features/signal_options.h"
#include "import/import.h"
#include "ranking/ranker.h"

namespace upnext::evaluation {
namespace {

template <typename T>
T Value(Result<T> result) {
  if (!result) ADD_FAILURE() << result.error().message;
  return std::move(result).value();
}

// Imports with configs/<name>.toml and evaluates untrained models, so that only the baselines have
// meaningful metrics.
class RealBaselines : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("UPNEXT_DATA") == nullptr) GTEST_SKIP() << "UPNEXT_DATA is not set";
  }

  Report EvaluateProject(const std::string& name, bool retrieval, bool ranking) {
    const auto file = std::filesystem::path(UPNEXT_CONFIGS) / (name + ".toml");
    const base::Config config = Value(base::Config::Load(file));
    import::ImportOptions import = import::ImportOptions::FromConfig(config);
    import.data = std::getenv("UPNEXT_DATA");
    const import::ImportReport imported =
        Value(import::Import(import, folder_ / "log", base::NoProgress()));
    const log::EventLog log = Value(log::EventLog::Open(folder_ / "log" / imported.version));
    const catalogue::Catalogue catalogue(log);
    const auto rule = features::SignalOptions::FromConfig(config, log.schema())
                          .Resolve(log.schema(), log.stats().by_type);
    const auto split = Value(examples::Split::Make(
        examples::SplitOptions::FromConfig(config.Table("split")), log, rule));
    const examples::ReplaySource source{log, catalogue, rule, split};
    base::ThreadPool pool;
    const features::FeatureStatistics tables =
        Value(examples::LearnFeatures(source, {}, pool, base::NoProgress()));
    base::Rng rng(1);
    const retrieval::CandidateModel candidate(
        {.dim = 8, .embedding_dim = 8, .context_dim = 2, .depth = 0, .recent_windows = {}},
        retrieval::ShapeOf(tables), rng);
    const ranking::Ranker ranker =
        Value(ranking::Ranker::Make({.architecture = {.widths = {8}}, .max_dim = 4}, Objectives(),
                                    ranking::ShapeOf(tables), rng));
    return Value(
        Evaluate({source, tables, retrieval ? &candidate : nullptr, ranking ? &ranker : nullptr},
                 {}, pool, base::NoProgress()));
  }

  static std::vector<ranking::Objective> Objectives() {
    using ranking::Objective;
    const auto event = [](const char* name, schema::EventType type) {
      return Objective{.name = name, .label = Objective::Label::kEvent, .event = type};
    };
    return {{.name = "watch",
             .label = Objective::Label::kWatchSeconds,
             .loss = Objective::Loss::kWeightedLogistic,
             .score_weight = 1},
            event("click", schema::EventType::kClick),
            event("complete", schema::EventType::kComplete),
            event("visit", schema::EventType::kVisit),
            event("comment", schema::EventType::kComment),
            event("like", schema::EventType::kLike)};
  }

  base::TestFolder folder_;
};

double FigureOf(const std::vector<ModelMetrics>& rows, std::string_view name,
                const std::string& key) {
  for (const ModelMetrics& row : rows) {
    if (row.name == name && row.metrics.contains(key)) return row.metrics.at(key).value;
  }
  ADD_FAILURE() << "no " << key << " of " << name;
  return std::nan("");
}

constexpr double kFourDigits = 0.00005;

TEST_F(RealBaselines, MovieLensCountsEqualTheProtocols) {
  const RetrievalReport report = EvaluateProject("ml-1m", true, false).retrieval.value();
  EXPECT_EQ(report.users, 6'040u);
  EXPECT_EQ(report.items, 3'416u);
  EXPECT_NEAR(FigureOf(report.baselines, "popularity", "hr@10"), .0369, kFourDigits);
  EXPECT_NEAR(FigureOf(report.baselines, "popularity", "ndcg@10"), .0180, kFourDigits);
  EXPECT_NEAR(FigureOf(report.baselines, "markov", "hr@10"), .2144, kFourDigits);
  EXPECT_NEAR(FigureOf(report.baselines, "markov", "ndcg@10"), .1259, kFourDigits);
  // One relevant item: recall equals hit rate, and MAP is below NDCG over the whole list.
  EXPECT_EQ(FigureOf(report.baselines, "markov", "recall@10"),
            FigureOf(report.baselines, "markov", "hr@10"));
}

TEST_F(RealBaselines, BeautyCountsEqualTheProtocols) {
  const RetrievalReport report = EvaluateProject("beauty", true, false).retrieval.value();
  EXPECT_EQ(report.users, 40'226u);
  EXPECT_EQ(report.items, 54'542u);
  EXPECT_NEAR(FigureOf(report.baselines, "popularity", "hr@10"), .0078, kFourDigits);
  EXPECT_NEAR(FigureOf(report.baselines, "popularity", "ndcg@10"), .0035, kFourDigits);
  EXPECT_NEAR(FigureOf(report.baselines, "markov", "hr@10"), .0424, kFourDigits);
  EXPECT_NEAR(FigureOf(report.baselines, "markov", "ndcg@10"), .0287, kFourDigits);
}

// The project file splits by time, the published averages by the file's date column, which differs
// on a few lines (configs/kuairand.toml). The expected numbers were computed on the split by time
// by a separate program, which reproduces the published ones on the split by date. Those of "additive,
// shrunk", which has no published form, come from 40 lines of numpy: effects by bincount, five rounds,
// the shrinkage with the least squared error on 19 April (5 for watch time and complete, 10 for click
// and visit, 50 for comment, 1 for like).
TEST_F(RealBaselines, KuaiRandAveragesEqualAnIndependentComputation) {
  const RankingReport report = EvaluateProject("kuairand", false, true).ranking.value();
  const auto expect = [&](const char* name, double mae, double rmse, double xauc) {
    EXPECT_NEAR(FigureOf(report.baselines, name, "watch_mae_s"), mae, .0005) << name;
    EXPECT_NEAR(FigureOf(report.baselines, name, "watch_rmse_s"), rmse, .0005) << name;
    EXPECT_NEAR(FigureOf(report.baselines, name, "watch_xauc"), xauc, .0001) << name;
  };
  EXPECT_EQ(report.impressions, 3'821u);
  EXPECT_EQ(report.users, 542u);
  expect("mean", 18.5781, 28.3303, .5);
  expect("median", 15.5986, 29.8669, .5);
  expect("duration mean", 15.9213, 25.8853, .6185);
  expect("user mean", 17.5103, 27.7232, .6176);
  expect("item mean", 16.2484, 26.2796, .5846);
  expect("additive", 17.4701, 28.6114, .6415);
  expect("additive, shrunk", 14.7836, 24.1921, .6381);
  const std::pair<const char*, double> additive[] = {{"auc.click", .76339},
                                                     {"auc.complete", .74957},
                                                     {"auc.visit", .71730},
                                                     {"auc.comment", .74938},
                                                     {"auc.like", .92609}};
  for (const auto& [figure, expected] : additive) {
    EXPECT_NEAR(FigureOf(report.baselines, "additive, shrunk", figure), expected, .0001) << figure;
  }
  EXPECT_NEAR(FigureOf(report.baselines, "rates", "auc.click"), .75775, .0001);
  EXPECT_NEAR(FigureOf(report.baselines, "rates", "auc.complete"), .73970, .0001);
  EXPECT_NEAR(FigureOf(report.baselines, "rates", "auc.visit"), .72224, .0001);
  EXPECT_NEAR(FigureOf(report.baselines, "rates", "auc.comment"), .73542, .0001);
  EXPECT_NEAR(FigureOf(report.baselines, "rates", "auc.like"), .89310, .0001);
}

}  // namespace
}  // namespace upnext::evaluation
