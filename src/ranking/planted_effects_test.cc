// The effects of shared tables, powers and the zero row, on impressions whose clicks follow a rule.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "base/rng.h"
#include "examples/ranking_stream.h"
#include "ranking/test_batches.h"
#include "schema/event.h"

namespace upnext::ranking {
namespace {

using schema::EventType;

const RankerTrainOptions kExactTraining = {.bf16 = false};

Objective ClickObjective() {
  Objective click;
  click.name = "click";
  return click;
}

double LogLoss(const Ranker& ranker, const examples::RankingBatch& batch) {
  const std::vector<float> predictions = ScoreAll(ranker, batch);
  double loss = 0;
  for (size_t i = 0; i < predictions.size(); ++i) {
    const auto p = static_cast<double>(predictions[i]);
    loss -= std::log(batch.labels[i].Has(EventType::kClick) ? p : 1 - p);
  }
  return loss / static_cast<double>(predictions.size());
}

// Impressions with one number x, whose clicks follow sigmoid(logit(x)); with or without x^2 and
// sqrt(x) as further inputs.
examples::RankingBatch PlantedNumber(const std::function<double(double)>& logit, bool powers) {
  base::Rng rng(11);
  examples::RankingBatch batch;
  AppendRow(SmallShape().query, {}, &batch.queries);
  const size_t width = SmallShape().impression.dense;
  for (int i = 0; i < 2000; ++i) {
    const double x = rng.Uniform();
    const bool clicked = rng.Uniform() < 1 / (1 + std::exp(-logit(x)));
    AppendImpression({}, clicked ? Clicked(1) : examples::Labels(), &batch);
    float* const numbers = batch.impressions.dense.data() + static_cast<size_t>(i) * width;
    numbers[0] = static_cast<float>(x);
    if (powers)
      numbers[1] = static_cast<float>(x * x), numbers[2] = static_cast<float>(std::sqrt(x));
  }
  return batch;
}

double LogLossOfALinearRanker(const examples::RankingBatch& batch) {
  Ranker ranker = MakeRanker({.architecture = {.name = "linear"}}, {ClickObjective()});
  RankerTrainOptions options = kExactTraining;
  options.learning_rate = 0.2f;
  Fit(&ranker, options, batch, 250);
  return LogLoss(ranker, batch);
}

TEST(PlantedEffects, RK06_PowersLowerTheLossOfASubAndOfASuperLinearEffect) {
  const std::function<double(double)> sub = [](double x) { return 12 * std::sqrt(x) - 8 * x - 2; };
  const std::function<double(double)> super = [](double x) { return 8 * x * x - 6 * x - 1; };
  const std::function<double(double)> linear = [](double x) { return 4 * x - 2; };
  for (const auto& logit : {sub, super}) {
    EXPECT_LT(LogLossOfALinearRanker(PlantedNumber(logit, /*powers=*/true)) + 0.01,
              LogLossOfALinearRanker(PlantedNumber(logit, /*powers=*/false)));
  }
  EXPECT_NEAR(LogLossOfALinearRanker(PlantedNumber(linear, true)),
              LogLossOfALinearRanker(PlantedNumber(linear, false)), 0.005);
}

// Watch times of items whose expected one is known. `click_rate` 1: all are watched, for a share of the
// duration around that of the item; below: items differ in the share that is clicked too.
constexpr uint32_t kWatchedItems = 40;
struct PlantedWatches {
  examples::RankingBatch batch;
  std::vector<double> truth;  // by impression
};
PlantedWatches PlantWatches(uint64_t seed, int impressions, double click_rate) {
  base::Rng rng(seed);
  PlantedWatches planted;
  AppendRow(SmallShape().query, {}, &planted.batch.queries);
  for (int i = 0; i < impressions; ++i) {
    const auto item = static_cast<uint32_t>(rng.Below(kWatchedItems));
    const double duration = item % 2 == 0 ? 60 : 240, place = (item / 2 + .5) / 20;
    const double share = .1 + .8 * place, noise = .2 * (rng.Uniform() - .5);
    const double clicked = click_rate < 1 ? click_rate * (.5 + (item % 5) / 4.0) : 1;
    const bool watched = rng.Uniform() < clicked;
    planted.truth.push_back(clicked * duration * share);
    const auto seconds = static_cast<float>(duration * (share + noise));
    AppendImpression({{"item", {1 + item}}}, watched ? Clicked(seconds) : examples::Labels(),
                     &planted.batch, nullptr, static_cast<float>(duration));
  }
  return planted;
}

// An objective that has learned its targets from the batch.
Objective WatchObjectiveOf(Objective::Loss loss, const examples::RankingBatch& batch) {
  Objective objective = WatchObjective();
  objective.loss = loss;
  std::vector<WatchQuantiles::Watch> watches;
  std::vector<float> seconds;
  for (size_t i = 0; i < batch.size(); ++i) {
    watches.push_back({batch.impressions.duration_s[i], batch.labels[i].watch_s});
    seconds.push_back(batch.labels[i].watch_s);
  }
  if (loss == Objective::Loss::kQuantile) {
    objective.quantiles = WatchQuantiles::Learn(std::move(watches), 2);
  } else if (loss == Objective::Loss::kOrdinal) {
    objective.levels = WatchLevels::Learn(std::move(seconds), 16);
  }
  return objective;
}

// Of predictions over the truth, by least squares through 0.
double SlopeOf(Objective::Loss loss, double click_rate) {
  const PlantedWatches train = PlantWatches(1, 6000, click_rate);
  const PlantedWatches test = PlantWatches(2, 2000, click_rate);
  Ranker ranker = MakeRanker({.architecture = {.widths = {32}}, .max_dim = 16},
                             {WatchObjectiveOf(loss, train.batch)}, SmallShape(1 + kWatchedItems));
  RankerTrainOptions options = kExactTraining;
  options.learning_rate = 0.01f;
  options.table_learning_rate = 0.1f;
  Fit(&ranker, options, train.batch, 120);
  const std::vector<float> predictions = ScoreAll(ranker, test.batch);
  double products = 0, squares = 0;
  for (size_t i = 0; i < predictions.size(); ++i) {
    products += static_cast<double>(predictions[i]) * test.truth[i];
    squares += test.truth[i] * test.truth[i];
  }
  fmt::print("loss {}, click rate {}: slope {:.3f}\n", static_cast<int>(loss), click_rate,
             products / squares);
  return products / squares;
}

TEST(PlantedEffects, ExpectedWatchTimeIsTheTruthForExactQuantileAndOrdinalLosses) {
  using enum Objective::Loss;
  for (const Objective::Loss loss : {kWeightedLogistic, kQuantile, kOrdinal}) {
    EXPECT_NEAR(SlopeOf(loss, 1), 1, 0.05);
  }
  // Where most are not watched, the mean of a quantile is not the quantile of a mean (decision 0043).
  for (const Objective::Loss loss : {kWeightedLogistic, kOrdinal}) {
    EXPECT_NEAR(SlopeOf(loss, 0.3), 1, 0.1);
  }
  EXPECT_LT(SlopeOf(kQuantile, 0.3), 0.7);
}

// The share watched is predicted with an error nearer to that of its expectation than to that of the
// mean of all.
TEST(PlantedEffects, MT14_CompletionIsASharePredictedBetterThanByItsMean) {
  const PlantedWatches train = PlantWatches(1, 6000, 0.3), test = PlantWatches(2, 2000, 0.3);
  Ranker ranker = MakeRanker({.architecture = {.widths = {32}}, .max_dim = 16},
                             {CompletionObjective()}, SmallShape(1 + kWatchedItems));
  RankerTrainOptions options = kExactTraining;
  options.learning_rate = 0.01f;
  options.table_learning_rate = 0.1f;
  Fit(&ranker, options, train.batch, 120);
  Targets learned, targets;
  MakeTargets(CompletionObjective(), train.batch, &learned);
  MakeTargets(CompletionObjective(), test.batch, &targets);
  double mean = 0;
  for (const float target : learned.value) {
    mean += static_cast<double>(target) / static_cast<double>(learned.value.size());
  }
  const std::vector<float> predictions = ScoreAll(ranker, test.batch);
  double error = 0, error_of_mean = 0, error_of_truth = 0;
  for (size_t i = 0; i < predictions.size(); ++i) {
    const auto target = static_cast<double>(targets.value[i]);
    ASSERT_TRUE(target >= 0 && target <= 1 && targets.mask[i] == 1);
    const double truth = test.truth[i] / static_cast<double>(test.batch.impressions.duration_s[i]);
    error += std::pow(static_cast<double>(predictions[i]) - target, 2);
    error_of_mean += std::pow(mean - target, 2);
    error_of_truth += std::pow(truth - target, 2);
  }
  EXPECT_LT(error, (error_of_mean + error_of_truth) / 2);
}

// Items have a quality that determines clicks both as the candidate and as the user's last watch.
// `fields` 2: the two fields use separate ids, as if each had its own table; 1: they use the same
// ids, and so the same rows.
constexpr uint32_t kQualityItems = 60;
examples::RankingBatch PlantedQuality(uint64_t seed, int impressions, uint32_t fields) {
  base::Rng of_items(31), rng(seed);
  std::vector<double> quality(kQualityItems);
  for (double& q : quality) q = 3 * of_items.Normal();
  examples::RankingBatch batch;
  for (int i = 0; i < impressions; ++i) {
    const auto watched = static_cast<uint32_t>(rng.Below(kQualityItems));
    const auto shown = static_cast<uint32_t>(rng.Below(kQualityItems));
    const uint32_t of_watched = 1 + watched, of_shown = 1 + shown + (fields - 1) * kQualityItems;
    AppendRow(SmallShape().query, {{"last_watched", {of_watched}}}, &batch.queries);
    const double logit = quality[watched] + quality[shown];
    const bool clicked = rng.Uniform() < 1 / (1 + std::exp(-logit));
    AppendImpression({{"item", {of_shown}}}, clicked ? Clicked(1) : examples::Labels(), &batch);
  }
  return batch;
}

TEST(PlantedEffects, RK02_SharingATableCostsNothingAndSavesItsRows) {
  const auto held_out_loss = [](uint32_t fields, size_t* parameters) {
    Ranker ranker = MakeRanker({.architecture = {.name = "linear"}, .max_dim = 2},
                               {ClickObjective()}, SmallShape(1 + fields * kQualityItems));
    *parameters = ranker.parameters();
    RankerTrainOptions options = kExactTraining;
    options.learning_rate = 0.02f;
    options.table_learning_rate = 0.1f;
    Fit(&ranker, options, PlantedQuality(1, 600, fields), 150);
    return LogLoss(ranker, PlantedQuality(2, 4000, fields));
  };
  size_t shared_size = 0, own_size = 0;
  const double shared = held_out_loss(1, &shared_size), own = held_out_loss(2, &own_size);
  fmt::print("held-out loss {:.4f} with {} parameters shared, {:.4f} with {} unshared\n", shared,
             shared_size, own, own_size);
  EXPECT_LT(shared_size, own_size);
  EXPECT_LT(shared, own + 0.005);
  EXPECT_LT(shared, 0.6) << "something was learned";
}

// The share of pairs of a clicked and another impression in which the clicked one scores higher.
double ClickAuc(const Ranker& ranker, const examples::RankingBatch& batch) {
  const std::vector<float> predictions = ScoreAll(ranker, batch);
  double right = 0, pairs = 0;
  for (size_t i = 0; i < predictions.size(); ++i) {
    EXPECT_TRUE(std::isfinite(predictions[i]));
    if (!batch.labels[i].Has(EventType::kClick)) continue;
    for (size_t j = 0; j < predictions.size(); ++j) {
      if (batch.labels[j].Has(EventType::kClick)) continue;
      const float more = predictions[i] - predictions[j];
      right += more > 0 ? 1 : more == 0 ? 0.5 : 0;
      pairs += 1;
    }
  }
  return right / pairs;
}

TEST(PlantedEffects, RK04_ItemsOutOfVocabularyAreRankedByOtherFeatures) {
  // Clicks follow the item's quality and a number; the slice shows items that did not occur before.
  const auto planted = [](uint64_t seed, int impressions, bool known) {
    base::Rng of_items(32), rng(seed);
    std::vector<double> quality(kQualityItems);
    for (double& q : quality) q = of_items.Normal();
    examples::RankingBatch batch;
    AppendRow(SmallShape().query, {}, &batch.queries);
    const size_t width = SmallShape().impression.dense;
    for (int i = 0; i < impressions; ++i) {
      const auto item = static_cast<uint32_t>(rng.Below(kQualityItems));
      const double x = rng.Uniform(), logit = quality[item] + 6 * x - 3;
      const bool clicked = rng.Uniform() < 1 / (1 + std::exp(-logit));
      AppendImpression({{"item", {known ? 1 + item : 0}}},
                       clicked ? Clicked(1) : examples::Labels(), &batch);
      batch.impressions.dense[static_cast<size_t>(i) * width] = static_cast<float>(x);
    }
    return batch;
  };
  Ranker ranker = MakeRanker({.architecture = {.widths = {16}}}, {ClickObjective()},
                             SmallShape(1 + kQualityItems));
  RankerTrainOptions options = kExactTraining;
  options.learning_rate = 0.02f;
  Fit(&ranker, options, planted(1, 3000, true), 100);
  const double known = ClickAuc(ranker, planted(2, 1000, true));
  const double unknown = ClickAuc(ranker, planted(3, 1000, false));
  fmt::print("AUC of items in the vocabulary {:.3f}, out of it {:.3f}\n", known, unknown);
  EXPECT_GT(unknown, 0.7);
  EXPECT_GT(known, unknown);
}

}  // namespace
}  // namespace upnext::ranking
