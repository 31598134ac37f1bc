// Position bias on planted logs: clicks follow sigmoid(relevance of the item + bias of the position
// on the device), likes the relevance alone.
#include "ranking/position_bias.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "base/rng.h"
#include "examples/ranking_stream.h"
#include "nn/parameter.h"
#include "ranking/test_batches.h"
#include "schema/event.h"

namespace upnext::ranking {
namespace {

using schema::EventType;

constexpr uint32_t kPlantedRows = 25;  // of every table; items are rows 1 to 24
constexpr size_t kPlantedSlate = 6;
constexpr uint32_t kPhone = 1, kTv = 2;

double PlantedRelevance(uint32_t item) { return -2.5 + 4.0 * ((item * 7) % 24) / 23.0; }
// At most 0, at position 1; steeper on the phone.
double PlantedBias(uint32_t device, size_t position) {
  const double steps = static_cast<double>(position - 1);
  return device == kPhone ? -0.6 * steps : -1.5 * (1 - std::exp(-steps / 2));
}

// Slates ordered by relevance + `swaps` * a random number: 0 shows an item always at its place.
examples::RankingBatch PlantedLog(double swaps, uint64_t seed = 5, size_t slates = 4000) {
  base::Rng rng(seed);
  const features::ModelShape shape = SmallShape(kPlantedRows);
  examples::RankingBatch batch;
  for (size_t s = 0; s < slates; ++s) {
    const uint32_t device = rng.Below(2) == 0 ? kPhone : kTv;
    AppendRow(shape.query, {{"device", {device}}}, &batch.queries);
    std::vector<std::pair<double, uint32_t>> order;
    for (size_t i = 0; i < kPlantedSlate; ++i) {
      const auto item = static_cast<uint32_t>(1 + rng.Below(kPlantedRows - 1));
      order.emplace_back(PlantedRelevance(item) + swaps * rng.Normal(), item);
    }
    std::ranges::sort(order, std::greater());
    for (size_t p = 1; p <= kPlantedSlate; ++p) {
      const uint32_t item = order[p - 1].second;
      const auto happens = [&](double logit) { return rng.Uniform() < 1 / (1 + std::exp(-logit)); };
      std::vector<EventType> types;
      if (happens(PlantedRelevance(item) + PlantedBias(device, p))) {
        types.push_back(EventType::kClick);
      }
      if (happens(PlantedRelevance(item))) types.push_back(EventType::kLike);
      AppendImpression({{"item", {item}}}, Happened(types), &batch);
      batch.position.push_back(static_cast<uint16_t>(p));
    }
  }
  return batch;
}

std::vector<Objective> ClickAndLike() {
  std::vector<Objective> objectives = {EventObjective("click", EventType::kClick),
                                       EventObjective("like", EventType::kLike)};
  objectives[0].position_bias = true;
  objectives[0].score_weight = 1;
  return objectives;
}

Ranker PlantedRanker(const BiasOptions& bias,
                     ArchitectureOptions architecture = {.name = "linear"}) {
  return MakeRanker(
      {.architecture = std::move(architecture), .bias = bias, .dims = {{"ranked_item", 4}}},
      ClickAndLike(), SmallShape(kPlantedRows));
}

Ranker Trained(const BiasOptions& bias, const examples::RankingBatch& batch, int steps = 150) {
  Ranker ranker = PlantedRanker(bias);
  RankerTrainOptions options{.table_learning_rate = 0.3f, .learning_rate = 0.05f, .bf16 = false};
  Fit(&ranker, options, batch, steps);
  return ranker;
}

double Correlation(const std::vector<double>& x, const std::vector<double>& y) {
  const auto n = static_cast<double>(x.size());
  const double mx = std::accumulate(x.begin(), x.end(), 0.0) / n;
  const double my = std::accumulate(y.begin(), y.end(), 0.0) / n;
  double xy = 0, xx = 0, yy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mx) * (y[i] - my);
    xx += (x[i] - mx) * (x[i] - mx);
    yy += (y[i] - my) * (y[i] - my);
  }
  return xy / std::sqrt(xx * yy);
}

// Cell of "position x device" with the default number of positions.
uint32_t PlantedCell(size_t position, uint32_t device) {
  return static_cast<uint32_t>(1 + position * kPlantedRows + device);
}

std::vector<double> LearnedBias(const Ranker& ranker, uint32_t device) {
  std::vector<double> bias;
  for (size_t p = 1; p <= kPlantedSlate; ++p) {
    bias.push_back(static_cast<double>(ranker.bias().LogitOf(0, PlantedCell(p, device))));
  }
  return bias;
}

// Of the click logit of each item on the phone with its relevance: mean absolute difference, after
// the mean of both is taken out.
double RelevanceError(const Ranker& ranker) {
  examples::RankingBatch batch;
  AppendRow(SmallShape(kPlantedRows).query, {{"device", {kPhone}}}, &batch.queries);
  for (uint32_t item = 1; item < kPlantedRows; ++item) {
    AppendImpression({{"item", {item}}}, {}, &batch);
  }
  const std::vector<float> predictions = ScoreAll(ranker, batch);
  std::vector<double> difference;
  for (uint32_t item = 1; item < kPlantedRows; ++item) {
    const auto p = static_cast<double>(predictions[2 * (item - 1)]);
    difference.push_back(std::log(p / (1 - p)) - PlantedRelevance(item));
  }
  const auto n = static_cast<double>(difference.size());
  const double mean = std::accumulate(difference.begin(), difference.end(), 0.0) / n;
  double error = 0;
  for (const double d : difference) error += std::abs(d - mean) / n;
  return error;
}

const BiasOptions kTower = {.method = BiasMethod::kTower};

TEST(PositionBias, MT10_TheTowerRecoversTheBiasOfEachDevice) {
  const Ranker ranker = Trained(kTower, PlantedLog(/*swaps=*/3));
  for (const uint32_t device : {kPhone, kTv}) {
    SCOPED_TRACE(device);
    std::vector<double> truth;
    for (size_t p = 1; p <= kPlantedSlate; ++p) truth.push_back(PlantedBias(device, p));
    const std::vector<double> learned = LearnedBias(ranker, device);
    EXPECT_GT(Correlation(learned, truth), 0.95);
    EXPECT_TRUE(std::ranges::is_sorted(learned, std::greater())) << testing::PrintToString(learned);
    EXPECT_NEAR(learned.front() - learned.back(), truth.front() - truth.back(), 0.5);
  }
}

TEST(PositionBias, MT10_TheBiasOfARequestIsReadByPosition) {
  Ranker ranker = PlantedRanker(kTower);
  const nn::Parameter bias = ParameterNamed(ranker, "bias.0");
  bias.value[PlantedCell(1, kTv)] = 0.5f;
  bias.value[PlantedCell(3, kTv)] = -2.0f;
  bias.value[PlantedCell(2, kPhone)] = 9.0f;
  features::FeatureBlock queries;
  AppendRow(SmallShape(kPlantedRows).query, {{"device", {kTv}}}, &queries);
  EXPECT_THAT(ranker.bias().LogitsByPosition(0, queries, 3), testing::ElementsAre(0.5f, 0, -2.0f));
  EXPECT_THAT(ranker.bias().LogitsByPosition(1, queries, 2), testing::ElementsAre(0, 0));
}

TEST(PositionBias, MT10_OtherHeadsHaveNone) {
  const examples::RankingBatch log = PlantedLog(3, 5, 500);
  Ranker with = Trained(kTower, log, 20), without = Trained({}, log, 20);
  const std::vector<float> a = ScoreAll(with, log), b = ScoreAll(without, log);
  // A linear ranker shares only the embeddings, which the clicks with a bias train too.
  for (size_t i = 0; i < log.size(); ++i) EXPECT_NEAR(a[2 * i + 1], b[2 * i + 1], 0.05f);
  EXPECT_LT(with.bias().LogitOf(0, PlantedCell(6, kPhone)),
            with.bias().LogitOf(0, PlantedCell(1, kPhone)));
  EXPECT_EQ(with.bias().LogitOf(1, PlantedCell(1, kPhone)), 0.0f);
  // What the tower says changes clicks alone.
  const nn::Parameter bias = ParameterNamed(with, "bias.0");
  for (float& value : bias.value) value += 1;
  const std::vector<float> moved = ScoreAll(with, log);
  for (size_t i = 0; i < log.size(); ++i) {
    EXPECT_EQ(moved[2 * i + 1], a[2 * i + 1]);
    EXPECT_GT(moved[2 * i], a[2 * i]);
  }
}

TEST(PositionBias, MT11_AServedScoreIsThatOfAMissingPosition) {
  examples::RankingBatch log = PlantedLog(3, 5, 500);
  for (const BiasMethod method : {BiasMethod::kTower, BiasMethod::kInput}) {
    Ranker ranker = Trained({.method = method}, log, 20);
    const std::vector<float> scores = ScoreAll(ranker, log);
    for (const char* name : {"bias.0", "bias.input"}) {
      for (nn::Parameter& parameter : ranker.Parameters()) {
        if (parameter.name != name) continue;
        const size_t dim = parameter.shape[1], missing = (1 + kPlantedRows) * dim;
        std::ranges::fill(parameter.value.subspan(missing), 9.0f);  // of all positions
      }
    }
    EXPECT_EQ(ScoreAll(ranker, log), scores) << "no position is read";
  }
}

TEST(PositionBias, MT11_TheMissingValueOfEachDeviceIsLearnedByDropout) {
  const examples::RankingBatch log = PlantedLog(3);
  const Ranker with = Trained(kTower, log);
  const Ranker without = Trained({.method = BiasMethod::kTower, .dropout = 0}, log);
  for (const uint32_t device : {kPhone, kTv}) {
    // The best constant in place of the bias: near its mean over the positions.
    const std::vector<double> bias = LearnedBias(with, device);
    const double mean = std::accumulate(bias.begin(), bias.end(), 0.0) / kPlantedSlate;
    EXPECT_NEAR(static_cast<double>(with.bias().LogitOf(0, PlantedCell(0, device))), mean, 0.5);
    EXPECT_EQ(without.bias().LogitOf(0, PlantedCell(0, device)), 0.0f);
  }
}

TEST(PositionBias, MT11_ATenthOfThePositionsIsLeftOut) {
  Ranker ranker = PlantedRanker(kTower);
  base::Rng rng(3);
  auto bias = PositionBias::Make(kTower, ClickAndLike(), SmallShape(kPlantedRows), rng);
  ASSERT_TRUE(bias);
  PositionBiasTrainer trainer(&*bias);
  const examples::RankingBatch log = PlantedLog(3);
  const features::Bags& cells = trainer.Draw(log.queries, log.query_of, log.position, rng);
  const auto missing =
      std::ranges::count_if(cells.ids, [](uint32_t cell) { return cell < PlantedCell(1, 0); });
  EXPECT_NEAR(static_cast<double>(missing) / static_cast<double>(log.size()), 0.1, 0.01);
}

// Where relevance decides the position, the ranker without a tower takes the bias for relevance.
TEST(PositionBias, MT12_RelevanceIsRecoveredBetterByTheTowerThanByTheOthers) {
  const examples::RankingBatch log = PlantedLog(/*swaps=*/1);
  const double tower = RelevanceError(Trained(kTower, log));
  EXPECT_LT(tower, 0.8 * RelevanceError(Trained({}, log)));
  for (const uint32_t served : {0, 1}) {
    const BiasOptions input = {.method = BiasMethod::kInput, .served_position = served};
    EXPECT_LT(tower, 1.1 * RelevanceError(Trained(input, log))) << "served at " << served;
  }
}

TEST(PositionBias, MT13_AnAdversaryFindsLessOfThePositionInTheSharedLayer) {
  const examples::RankingBatch log = PlantedLog(/*swaps=*/0, 5, 600);
  const auto loss = [&](float weight) {
    Ranker ranker = PlantedRanker({.method = BiasMethod::kAdversarial,
                                   .positions = kPlantedSlate,
                                   .adversarial_weight = weight},
                                  {.name = "tower", .widths = {16}});
    base::ThreadPool pool(1);
    RankerTrainer trainer(
        &ranker, {.table_learning_rate = 0.1f, .learning_rate = 0.01f, .bf16 = false}, pool);
    trainer.StartFrom(log);
    for (int step = 0; step < 200; ++step) {
      std::vector<nn::LossValue> losses(2);
      trainer.Backward(log, losses);
      trainer.Apply();
    }
    return trainer.bias().adversary_loss();
  };
  const double guess = std::log(static_cast<double>(kPlantedSlate));
  EXPECT_LT(loss(0), 0.85 * guess) << "items stand where their relevance puts them";
  EXPECT_GT(loss(10), 0.95 * guess);
}

TEST(PositionBias, WhatCannotBeIsRefusedWithAReason) {
  base::Rng rng(1);
  const auto error = [&](const BiasOptions& bias, std::vector<Objective> objectives,
                         const std::string& architecture) {
    const auto made = Ranker::Make({.architecture = {.name = architecture}, .bias = bias},
                                   std::move(objectives), SmallShape(), rng);
    return made ? std::string("made") : made.error().message;
  };
  EXPECT_THAT(error(kTower, {EventObjective("like", EventType::kLike)}, "tower"),
              testing::HasSubstr("position_bias = true"));
  EXPECT_THAT(error({.method = BiasMethod::kAdversarial}, ClickAndLike(), "linear"),
              testing::HasSubstr("needs hidden layers"));
  EXPECT_EQ(error({.method = BiasMethod::kAdversarial}, ClickAndLike(), "mmoe"), "made");
}

TEST(PositionBias, AllOutputsOfAnOrdinalObjectiveHaveTheSameBiasWhichLearnsFromTheirSum) {
  std::vector<Objective> objectives = {EventObjective("click", EventType::kClick),
                                       OrdinalObjective()};
  objectives[1].position_bias = true;
  base::Rng rng(1);
  BiasOptions options = {.method = BiasMethod::kTower};
  options.dropout = 0;
  auto bias = PositionBias::Make(options, objectives, SmallShape(), rng);
  ASSERT_TRUE(bias) << bias.error().message;
  const examples::RankingBatch batch = RandomBatch(1, 3, 5);
  const std::vector<uint16_t> positions = {1, 2, 1};
  const HeadLayout columns = *ColumnsOf(objectives);
  PositionBiasTrainer trainer(&*bias);
  const features::Bags cells = trainer.Draw(batch.queries, batch.query_of, positions, rng);
  // The first output alone would move the bias of position 1 down, their sum moves it up.
  std::vector<float> d_logits(3 * columns.width, 0.0f);
  for (size_t k = 0; k < columns.width; ++k) d_logits[k] = k <= 1 ? 1.0f : -1.0f;
  trainer.AddGradients(d_logits, columns, nullptr, 0);
  trainer.Step(nullptr);
  std::vector<float> logits(3 * columns.width, 0.0f);
  bias->AddLogits(cells, columns, logits.data());
  ASSERT_EQ(columns.width, 5u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(logits[i * 5], 0) << "click has no bias";
    for (size_t k = 1; k < 5; ++k) {
      if (positions[i] == 1) {
        EXPECT_GT(logits[i * 5 + k], 0.05f);
      }
      EXPECT_EQ(logits[i * 5 + k], logits[i * 5 + 1]);
      if (positions[i] == 2) {
        EXPECT_EQ(logits[i * 5 + k], 0);
      }
    }
  }
}

}  // namespace
}  // namespace upnext::ranking
