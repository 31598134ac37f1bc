#include "evaluation/expert_use.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "evaluation/test_pages.h"
#include "examples/test_world.h"
#include "features/feature_statistics.h"
#include "nn/parameter.h"
#include "ranking/test_batches.h"
#include "schema/event.h"

namespace upnext::evaluation {
namespace {

using schema::EventType;

std::vector<ranking::Objective> FourTasks() {
  return {Happening("click", EventType::kClick), Happening("complete", EventType::kComplete),
          Happening("like", EventType::kLike), Happening("share", EventType::kShare)};
}

ExpertUse UseOf(const ranking::Ranker& ranker, int threads = 1) {
  const std::vector<examples::RankingBatch> sample = {ranking::RandomBatch(20, 10, 2),
                                                      ranking::RandomBatch(10, 10, 3)};
  base::ThreadPool pool(threads);
  return ExpertUseOf(ranker, sample, pool);
}

ranking::Ranker Mixture(const char* name, size_t experts) {
  return ranking::MakeRanker({.architecture = {.name = name,
                                               .widths = {16},
                                               .task_widths = {},
                                               .experts = experts,
                                               .task_experts = 1,
                                               .expert_widths = {8}}},
                             FourTasks());
}

double Sum(const std::vector<double>& weights) {
  double sum = 0;
  for (const double weight : weights) sum += std::isnan(weight) ? 0 : weight;
  return sum;
}

TEST(ExpertUse, MT06_TheWeightsOfATaskAddUpToOne) {
  for (const char* name : {"mmoe", "ple"}) {
    const ExpertUse use = UseOf(Mixture(name, 3));
    EXPECT_EQ(use.impressions, 300u);
    ASSERT_EQ(use.tasks.size(), 4u) << name;
    for (const ExpertUse::Task& task : use.tasks) {
      ASSERT_EQ(task.weights.size(), use.experts.size());
      EXPECT_NEAR(Sum(task.weights), 1, 1e-5) << name << " " << task.objective;
    }
  }
}

TEST(ExpertUse, ATaskHasNoWeightOfTheExpertsOfAnother) {
  const ExpertUse use = UseOf(Mixture("ple", 2));
  ASSERT_EQ(use.experts.size(), 2u + 4u);
  for (const ExpertUse::Task& task : use.tasks) {
    const auto absent = std::ranges::count_if(task.weights, [](double w) { return std::isnan(w); });
    EXPECT_EQ(absent, 3) << task.objective;
  }
}

TEST(ExpertUse, IsTheMeanOverImpressionsOnAnyNumberOfThreads) {
  const ranking::Ranker ranker = Mixture("mmoe", 3);
  const ExpertUse one = UseOf(ranker), two = UseOf(ranker, 2);
  base::ThreadPool pool(1);
  const std::vector<examples::RankingBatch> first = {ranking::RandomBatch(20, 10, 2)},
                                            second = {ranking::RandomBatch(10, 10, 3)};
  const ExpertUse a = ExpertUseOf(ranker, first, pool), b = ExpertUseOf(ranker, second, pool);
  for (size_t k = 0; k < one.tasks.size(); ++k) {
    EXPECT_EQ(one.tasks[k].weights, two.tasks[k].weights);
    for (size_t e = 0; e < one.experts.size(); ++e) {
      EXPECT_NEAR(one.tasks[k].weights[e], (2 * a.tasks[k].weights[e] + b.tasks[k].weights[e]) / 3,
                  1e-9);
    }
  }
}

TEST(ExpertUse, MT06_TwoPlantedGroupsOfTasksHaveVisiblyDifferentRows) {
  ranking::Ranker ranker = Mixture("mmoe", 3);
  const double planted[4][3] = {{0.7, 0.2, 0.1}, {0.6, 0.3, 0.1}, {0.1, 0.1, 0.8}, {0.1, 0.2, 0.7}};
  for (size_t k = 0; k < 4; ++k) {
    std::ranges::fill(ranking::ParameterNamed(ranker, fmt::format("net.0.gate.{}.weight", k)).value,
                      0.0f);
    const nn::Parameter bias =
        ranking::ParameterNamed(ranker, fmt::format("net.0.gate.{}.bias", k));
    for (size_t e = 0; e < 3; ++e) bias.value[e] = static_cast<float>(std::log(planted[k][e]));
  }
  const ExpertUse use = UseOf(ranker);
  ASSERT_EQ(use.tasks.size(), 4u);
  for (size_t k = 0; k < 4; ++k) {
    EXPECT_EQ(use.tasks[k].objective, FourTasks()[k].name);
    for (size_t e = 0; e < 3; ++e) EXPECT_NEAR(use.tasks[k].weights[e], planted[k][e], 1e-5);
  }
}

TEST(ExpertUse, AnArchitectureWithoutExpertsHasNone) {
  EXPECT_TRUE(UseOf(ranking::MakeRanker({}, FourTasks())).tasks.empty());
}

TEST(SampleImpressions, AreWholeRequestsOfThePartAndStopAtTheirNumber) {
  examples::WorldOptions options = examples::RandomWorld(3, /*users=*/40);
  options.split.test_days = 4;
  const examples::World world(options);
  const features::FeatureStatistics tables = world.Learn();
  base::ThreadPool pool(2);
  const Subject subject{world.source, tables};
  const auto count = [&](size_t most) {
    size_t n = 0;
    for (const examples::RankingBatch& batch :
         SampleImpressions(subject, examples::SplitPart::kTest, most, /*seed=*/1, pool)) {
      n += batch.size();
    }
    return n;
  };
  const size_t all = count(SIZE_MAX);
  EXPECT_GT(all, 0u);
  EXPECT_EQ(count(0), 0u);
  EXPECT_GE(count(1), 1u);
  EXPECT_LE(count(1), all);
}

}  // namespace
}  // namespace upnext::evaluation
