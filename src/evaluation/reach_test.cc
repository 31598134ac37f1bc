#include "evaluation/reach.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "base/progress.h"
#include "base/rng.h"
#include "base/test_folder.h"
#include "examples/test_world.h"
#include "features/feature_statistics.h"
#include "nn/parameter.h"
#include "ranking/ranker.h"
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

}  // namespace
}  // namespace upnext::evaluation
