// What experts are for: tasks that need different things of a representation that is too narrow for
// all of them (Ma et al. 2018; Zhao 2019, section 4.2).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "base/rng.h"
#include "examples/ranking_stream.h"
#include "ranking/test_batches.h"
#include "schema/event.h"

namespace upnext::ranking {
namespace {

using schema::EventType;

constexpr std::array kPlantedTasks = {EventType::kClick, EventType::kLike, EventType::kShare,
                                      EventType::kSave};
constexpr size_t kNarrow = 2;  // units that each task reads
constexpr double kLikelyEvent = 0.9;

// Impressions with four numbers of 1 or -1. A task's event is likely where its number is 1: each has
// its own, or all have the first.
examples::RankingBatch PlantTasks(uint64_t seed, bool unrelated) {
  base::Rng rng(seed);
  examples::RankingBatch batch;
  AppendRow(SmallShape().query, {}, &batch.queries);
  const size_t width = SmallShape().impression.dense;
  for (size_t i = 0; i < 1000; ++i) {
    std::array<float, kPlantedTasks.size()> numbers{};
    for (float& number : numbers) number = rng.Below(2) == 0 ? 1.0f : -1.0f;
    examples::Labels labels;
    for (size_t task = 0; task < numbers.size(); ++task) {
      const bool likely = numbers[unrelated ? task : 0] > 0;
      if (rng.Uniform() < (likely ? kLikelyEvent : 1 - kLikelyEvent)) {
        labels.happened.Add(kPlantedTasks[task]);
      }
    }
    AppendImpression({}, labels, &batch);
    std::ranges::copy(numbers, batch.impressions.dense.data() + i * width);
  }
  return batch;
}

// Mean log loss of a task on impressions that were not trained on, with `architecture` sized to the
// multiplications of the mixture.
double LossOfTasks(const std::string& architecture, bool unrelated, uint64_t seed) {
  const ArchitectureOptions mmoe{
      .name = "mmoe", .widths = {32}, .experts = 4, .expert_widths = {kNarrow}, .gate_dropout = 0};
  ArchitectureOptions shared{.name = "shared-bottom", .widths = {32, kNarrow}};
  const RankerOptions options = architecture == "mmoe"
                                    ? RankerOptions{.architecture = mmoe}
                                    : RankerOptions{.architecture = shared, .match = mmoe};
  std::vector<Objective> objectives;
  for (const EventType type : kPlantedTasks) {
    objectives.push_back(EventObjective(fmt::format("{}", static_cast<int>(type)), type));
  }
  Ranker ranker = MakeRanker(options, objectives, SmallShape(), seed);
  if (architecture != "mmoe") {
    EXPECT_EQ(ranker.options().architecture.widths.back(), kNarrow);
  }
  RankerTrainOptions train = kExact;
  train.learning_rate = 0.03f;
  Fit(&ranker, train, PlantTasks(2 * seed, unrelated), 120);
  const examples::RankingBatch batch = PlantTasks(2 * seed + 1, unrelated);
  const std::vector<float> predictions = ScoreAll(ranker, batch);
  double loss = 0;
  for (size_t i = 0; i < predictions.size(); ++i) {
    const auto p = static_cast<double>(predictions[i]);
    const EventType type = kPlantedTasks[i % kPlantedTasks.size()];
    loss -= std::log(batch.labels[i / kPlantedTasks.size()].Has(type) ? p : 1 - p);
  }
  return loss / static_cast<double>(predictions.size());
}

// Tasks that are alike need one of the numbers, unrelated ones all four. Linear heads on two units
// cannot have less than kLeastOfTwoUnits of these: the minimum over any two numbers for each of the 16
// inputs and any heads, by gradient descent from 200 starts. Experts give each task two units of its own,
// which suffice for the entropy of its events.
TEST(PlantedTasks, MT07_ExpertsLowerTheLossOfUnrelatedTasksAndNotOfTasksThatAreAlike) {
  constexpr double kLeastOfTwoUnits = 0.4997;
  const double entropy =
      -kLikelyEvent * std::log(kLikelyEvent) - (1 - kLikelyEvent) * std::log(1 - kLikelyEvent);
  const double gain = kLeastOfTwoUnits - entropy;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    for (const bool unrelated : {true, false}) {
      const double shared = LossOfTasks("shared-bottom", unrelated, seed),
                   mmoe = LossOfTasks("mmoe", unrelated, seed);
      fmt::print("seed {}, {}: loss {:.4f} shared, {:.4f} with experts\n", seed,
                 unrelated ? "unrelated" : "alike", shared, mmoe);
      if (unrelated) {
        EXPECT_LT(mmoe, shared - gain / 2) << seed;
      } else {
        EXPECT_GT(mmoe, shared - gain / 10) << seed;
      }
    }
  }
}

}  // namespace
}  // namespace upnext::ranking
