// The training room on a small simulated site: log -> dataset -> models -> report.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_folder.h"
#include "import/import.h"
#include "report/render.h"
#include "simulator/log_writer.h"
#include "training/dataset.h"
#include "training/options.h"
#include "training/serving_parts.h"
#include "training/train.h"

namespace upnext::training {
namespace {

constexpr char kProject[] = R"toml(
[import]
events = "SELECT * FROM read_parquet('{data}/events.parquet')"
items = "SELECT * FROM read_parquet('{data}/items.parquet')"
users = "SELECT * FROM read_parquet('{data}/users.parquet')"
[split]
validation_days = 1
test_days = 2
[retrieval]
dim = 32
depth = 1
recent_windows = [1, 5]
negatives = 0
epochs = 6
[ranking]
widths = [32]
epochs = 2
)toml";

log::EventLog SmallSite(const base::TestFolder& folder, const base::Config& config) {
  simulator::WorldOptions world;
  world.users = 400;
  world.items = 400;
  world.days = 14;
  EXPECT_TRUE(simulator::SimulateLog(world, folder.path(), base::NoProgress()));
  import::ImportOptions import = import::ImportOptions::FromConfig(config);
  import.data = folder.path();
  const auto report = import::Import(import, folder.path() / "log", base::NoProgress());
  EXPECT_TRUE(report) << report.error().message;
  auto log = log::EventLog::Open(folder.path() / "log" / report->version);
  EXPECT_TRUE(log) << log.error().message;
  return *std::move(log);
}

double Figure(const evaluation::ModelMetrics& model, const std::string& name) {
  return model.metrics.at(name).value;
}

// SV-01: what a bundle's graph finds is measured on the log's own users.
TEST(Training, AGraphIndexIsMeasuredOnTheUsersOfTheLog) {
  const auto config = base::Config::Parse(
      std::string(kProject) + "[retrieval.index]\n" + "kind = \"graph\"\ngraph_recall = 0.99\n",
      "test.toml");
  ASSERT_TRUE(config) << config.error().message;
  Options options = Options::FromConfig(*config);
  options.train.train_ranking = false;
  options.train.candidate_train.epochs = 1;
  base::TestFolder folder;
  const log::EventLog log = SmallSite(folder, *config);
  base::ThreadPool pool(2);
  const auto dataset = Dataset::Prepare(log, options.dataset, pool, base::NoProgress());
  ASSERT_TRUE(dataset) << dataset.error().message;
  const auto trained = Train(**dataset, options.train, pool, base::NoProgress());
  ASSERT_TRUE(trained) << trained.error().message;
  const auto serving =
      ServingParts::Learn(**dataset, trained->models(), options.train, pool, base::NoProgress());
  ASSERT_TRUE(serving) << serving.error().message;
  bundle::Manifest manifest;
  const Status written =
      bundle::WriteBundle(folder.path(), serving->Of(trained->models()), &manifest);
  ASSERT_TRUE(written) << written.error().message;
  const auto bundle = bundle::Bundle::Open(folder.path(), log.lineage());
  ASSERT_TRUE(bundle) << bundle.error().message;
  const std::string index = (*bundle)->index()->Describe();
  const std::string recall = "recall@300 ";  // at the budget of the generator
  const size_t at = index.find(recall);
  ASSERT_NE(at, std::string::npos) << index;
  EXPECT_GE(std::stod(index.substr(at + recall.size())), 0.99) << index;
}

TEST(Training, BothStagesBeatPopularityOnASimulatedSiteAndRunsRepeatExactly) {
  const auto config = base::Config::Parse(kProject, "test.toml");
  ASSERT_TRUE(config) << config.error().message;
  const Options options = Options::FromConfig(*config);
  base::TestFolder folder;
  const log::EventLog log = SmallSite(folder, *config);
  ASSERT_TRUE(config->Check()) << config->Check().error().message;

  base::ThreadPool pool(2);
  std::string first;
  for (int round = 0; round < 2; ++round) {
    const auto dataset = Dataset::Prepare(log, options.dataset, pool, base::NoProgress());
    ASSERT_TRUE(dataset) << dataset.error().message;
    const auto trained = Train(**dataset, options.train, pool, base::NoProgress());
    ASSERT_TRUE(trained) << trained.error().message;
    const auto report =
        Evaluate(**dataset, trained->models(), options.evaluate, pool, base::NoProgress());
    ASSERT_TRUE(report) << report.error().message;
    ASSERT_TRUE(report->retrieval && report->ranking);
    for (const evaluation::ModelMetrics& baseline : report->retrieval->baselines) {
      if (baseline.name != "popularity") continue;
      EXPECT_GT(Figure(report->retrieval->model, "ndcg@10"), 1.5 * Figure(baseline, "ndcg@10"));
    }
    EXPECT_LT(Figure(report->ranking->model, "weighted_user_loss"), 0.4);
    EXPECT_GT(Figure(report->ranking->model, "auc.click"), 0.6);
    const std::string json = report::RenderJson(*report);
    if (round == 0) first = json;
    EXPECT_EQ(json, first) << "same seed and threads, other figures";
  }
}

}  // namespace
}  // namespace upnext::training
