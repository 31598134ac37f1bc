#include "evaluation/reach.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/rng.h"
#include "base/test_folder.h"
#include "examples/test_world.h"
#include "features/default_features.h"
#include "features/feature_statistics.h"
#include "nn/parameter.h"
#include "ranking/ranker.h"
#include "retrieval/candidate_training.h"
#include "retrieval/generator_registry.h"

namespace upnext::evaluation {
namespace {

using examples::World;

// A ranked feed is compared with the other rows over the same users.
TEST(KeepReached, KeepsTheSamePlacesOfEverythingThatIsByCase) {
  std::vector<examples::HoldoutCase> cases(3 * kOrderUsers);
  std::vector<double> figures;
  for (uint32_t user = 0; user < cases.size(); ++user) {
    cases[user].user = user;
    figures.push_back(user);
  }
  KeepReached(/*items=*/1000, &cases);
  KeepReached(/*items=*/1000, &figures);
  ASSERT_EQ(cases.size(), kOrderUsers);
  ASSERT_EQ(figures.size(), kOrderUsers);
  for (size_t i = 0; i < cases.size(); ++i) EXPECT_EQ(figures[i], cases[i].user);
  EXPECT_EQ(cases.back().user, 3 * (kOrderUsers - 1)) << "spread over all";
  KeepReached(/*items=*/1'000'000, &cases);
  EXPECT_EQ(cases.size(), 501u) << "fewer where there are many items";
}

TEST(MeasureReach, StopsAtAPredictionThatIsNotFinite) {
  const World world(examples::RandomWorld(/*seed=*/3, /*users=*/12, /*items=*/30,
                                          /*events_of_largest=*/2000));
  const features::FeatureStatistics tables = world.Learn();
  base::Rng rng(1);
  const retrieval::CandidateModel candidate(
      {.dim = 8, .embedding_dim = 8, .depth = 0, .recent_windows = {}}, retrieval::ShapeOf(tables),
      rng);
  ranking::Ranker ranker = World::Value(
      ranking::Ranker::Make({.architecture = {.widths = {8}}, .max_dim = 4},
                            {{.name = "click", .score_weight = 1}}, ranking::ShapeOf(tables), rng));
  base::ThreadPool pool(2);
  const auto cases = examples::HoldoutCases(world.source, examples::SplitPart::kTest, pool);
  ASSERT_FALSE(cases.empty());
  const base::TestFolder folder;
  const auto measure = [&] {
    return MeasureReach(
        {world.source, tables, &candidate, &ranker},
        {.reach = {.learners = retrieval::LearnersFromConfig({}), .scratch = folder / "reach"}},
        cases, pool, base::NoProgress());
  };
  EXPECT_TRUE(measure());
  for (const nn::Parameter& parameter : ranker.Parameters()) {
    std::ranges::fill(parameter.value, std::nanf(""));
  }
  const auto diverged = measure();
  ASSERT_FALSE(diverged);
  EXPECT_EQ(diverged.error().code, Code::kInternal);
}

// Everybody's last watch, which is held out, is of an item that no other event has.
examples::WorldOptions LogWithNewItems() {
  examples::WorldOptions options;
  for (uint32_t i = 0; i < 20; ++i) {
    options.items.push_back(examples::Item(fmt::format("old{}", i), 60, "c", {"news"}));
    options.items.push_back(examples::Item(fmt::format("new{}", i), 60, "c", {"news"}));
    for (uint32_t e = 0; e < 5; ++e) {
      const std::string item =
          e == 4 ? fmt::format("new{}", i) : fmt::format("old{}", (i + e) % 20);
      options.events.push_back(
          examples::Watch(fmt::format("u{}", i), item, e * examples::kHour + i * 1000, 60));
    }
  }
  options.split.kind = examples::SplitOptions::Kind::kLeaveOneOut;
  return options;
}

// As when serving; the budget of the generator is above the number of items.
TEST(MeasureReach, CG24_ItemsThatNoTrainingSawAreFoundByTheirContentAlone) {
  const World world(LogWithNewItems());
  base::ThreadPool pool(2);
  const auto cases = examples::HoldoutCases(world.source, examples::SplitPart::kTest, pool);
  ASSERT_EQ(cases.size(), 20u);
  const base::TestFolder folder;
  for (const bool content : {false, true}) {
    features::FeatureSpec spec;
    if (content) spec.retrieval = features::ContentFeatures();
    const features::FeatureStatistics tables = world.Learn(spec);
    retrieval::CandidateTrainOptions options;
    options.batch = 16;
    options.epochs = 1;
    const auto trained = retrieval::TrainCandidateModel(
        world.source, tables,
        {.items = content ? retrieval::ItemEncoder::kContent : retrieval::ItemEncoder::kId,
         .dim = 8,
         .embedding_dim = 8,
         .depth = 0,
         .recent_windows = {}},
        options, pool, base::NoProgress());
    ASSERT_TRUE(trained) << trained.error().message;
    const auto reach = MeasureReach(
        {world.source, tables, trained->model.get(), nullptr},
        {.reach = {.learners = retrieval::LearnersFromConfig({}), .scratch = folder / "reach"}},
        cases, pool, base::NoProgress());
    ASSERT_TRUE(reach) << reach.error().message;
    const auto row = std::ranges::find(reach->rows, "candidate-model", &ModelMetrics::name);
    ASSERT_NE(row, reach->rows.end());
    EXPECT_EQ(row->metrics.at("recall").value, content ? 1 : 0);
  }
}

}  // namespace
}  // namespace upnext::evaluation
