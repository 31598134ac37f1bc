#include "evaluation/importance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "evaluation/test_pages.h"
#include "nn/parameter.h"
#include "ranking/test_batches.h"
#include "schema/event.h"

namespace upnext::evaluation {
namespace {

using schema::EventType;

constexpr uint32_t kPlantedRows = 8;  // of every vocabulary

// Requests of ten impressions. A click follows the item, and less so the device of the request; every
// other feature is noise.
examples::RankingBatch PlantedClicks(size_t requests, uint64_t seed) {
  base::Rng rng(seed);
  const features::ModelShape shape = ranking::SmallShape(kPlantedRows);
  examples::RankingBatch batch;
  const auto draw = [&](const features::ModelShape::SideShape& side) {
    ranking::FeatureIds ids;
    for (const features::ModelShape::Slot& slot : side.slots) {
      ids[slot.feature] = {static_cast<uint32_t>(1 + rng.Below(kPlantedRows - 1))};
    }
    return ids;
  };
  for (size_t r = 0; r < requests; ++r) {
    const ranking::FeatureIds query = draw(shape.query);
    ranking::AppendRow(shape.query, query, &batch.queries, &rng);
    const double device = query.at("device")[0] % 2 == 0 ? 1 : -1;
    for (int i = 0; i < 10; ++i) {
      const ranking::FeatureIds ids = draw(shape.impression);
      const double item = ids.at("item")[0] % 2 == 0 ? 2 : -2;
      const bool clicked = rng.Uniform() < 1 / (1 + std::exp(-item - device));
      ranking::AppendImpression(ids, clicked ? ranking::Clicked(1) : examples::Labels(), &batch,
                                &rng);
    }
  }
  return batch;
}

ranking::Ranker ClickRanker() {
  ranking::Ranker ranker = ranking::MakeRanker({.architecture = {.widths = {16}}, .max_dim = 4},
                                               {Happening("click", EventType::kClick)},
                                               ranking::SmallShape(kPlantedRows));
  ranking::Fit(&ranker, {.table_learning_rate = 0.1f, .learning_rate = 3e-3f, .bf16 = false},
               PlantedClicks(/*requests=*/400, /*seed=*/1), /*steps=*/80);
  return ranker;
}

Importance Measure(const ranking::Ranker& ranker, int threads) {
  const std::vector<examples::RankingBatch> sample = {PlantedClicks(150, 2), PlantedClicks(50, 3)};
  base::ThreadPool pool(threads);
  auto importance =
      ImportanceOf(ranker, features::FeaturePlan(), sample, /*seed=*/4, pool, base::NoProgress());
  if (!importance) ADD_FAILURE() << importance.error().message;
  return *std::move(importance);
}

TEST(Importance, RK07_RK10_PutsWhatThePlantedClicksFollowBeforeNoise) {
  const Importance importance = Measure(ClickRanker(), 1);
  EXPECT_EQ(importance.impressions, 2000u);
  EXPECT_EQ(importance.requests, 200u);
  ASSERT_GT(importance.features.size(), 40u);
  const FeatureImportance& item = importance.features[0];
  const FeatureImportance& device = importance.features[1];
  const FeatureImportance& noise = importance.features[2];
  EXPECT_EQ(item.feature, "item");
  EXPECT_FALSE(item.of_request);
  EXPECT_EQ(device.feature, "device");
  EXPECT_TRUE(device.of_request);
  EXPECT_GT(item.loss_rise, 0.3);  // the logit of an item is 2 or -2
  EXPECT_GT(item.pairs_fall[0], 0.2);
  EXPECT_GT(item.loss_rise, 2 * device.loss_rise);
  EXPECT_GT(device.loss_rise, 4 * noise.loss_rise);
  EXPECT_GT(device.pairs_fall[0], 0.02);
  for (size_t f = 2; f < importance.features.size(); ++f) {
    EXPECT_LT(std::abs(importance.features[f].pairs_fall[0]), 0.015)
        << importance.features[f].feature;
  }
  EXPECT_LT(item.error, 0.1 * item.loss_rise);
  EXPECT_GT(item.error, 0);
}

TEST(Importance, IsTheSameOnAnyNumberOfThreads) {
  const ranking::Ranker ranker = ClickRanker();
  const Importance one = Measure(ranker, 1), two = Measure(ranker, 2);
  ASSERT_EQ(one.features.size(), two.features.size());
  for (size_t f = 0; f < one.features.size(); ++f) {
    EXPECT_EQ(one.features[f].feature, two.features[f].feature);
    EXPECT_EQ(one.features[f].loss_rise, two.features[f].loss_rise);
  }
}

// With a ranker that reads one number alone, that number is worth something and the others nothing.
TEST(Importance, ANumberIsPermutedWithAllThatIsMadeOfItAndNothingElse) {
  ranking::Ranker ranker = ranking::MakeRanker({.architecture = {.name = "linear"}},
                                               {Happening("click", EventType::kClick)},
                                               ranking::SmallShape(kPlantedRows));
  const features::FeaturePlan plan;
  const features::SidePlan& side =
      plan.side(features::Model::kRanking, features::Side::kImpression);
  const auto duration = std::ranges::find(side.numbers, "duration_s", &features::Feature::name);
  ASSERT_NE(duration, side.numbers.end());
  std::ranges::fill(ranking::ParameterNamed(ranker, "net.heads.query.weight").value, 0.0f);
  const nn::Parameter weights = ranking::ParameterNamed(ranker, "net.heads.impression.weight");
  std::ranges::fill(weights.value, 0.0f);
  const size_t numbers = weights.size() - side.dense_width;  // they follow the embeddings
  weights.value[numbers + duration->dense + duration->number.width() - 1] = 5;
  for (const FeatureImportance& one : Measure(ranker, 1).features) {
    if (one.feature == "duration_s") {
      EXPECT_GT(std::abs(one.loss_rise), 1e-4);
    } else {
      EXPECT_EQ(one.loss_rise, 0) << one.feature;
    }
  }
}

}  // namespace
}  // namespace upnext::evaluation
