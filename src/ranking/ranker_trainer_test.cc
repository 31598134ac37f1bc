#include "ranking/ranker_trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

#include "ranking/test_batches.h"
#include "schema/event.h"

namespace upnext::ranking {
namespace {

using schema::EventType;

constexpr size_t kItemSlot = 0;  // the feature "item" among those of impressions

TEST(RankerTrainer, DenseGradientsAreThoseOfTheWholeRankersLoss) {
  CheckDenseGradients({.architecture = {.widths = {8, 6}}, .init_scale = 0.5f}, "");
}

// Row-wise Adagrad's first step is -lr g / rms(g), so it shows the direction of every row's
// gradient, and that all features that share a table contributed (RK-02).
TEST(RankerTrainer, RK02_TableGradientsAddUpOverAllFeaturesThatShareATable) {
  Ranker ranker = MakeRanker({.architecture = {.widths = {8}},
                              .attention = kAttention,
                              .dim_scale = 3,
                              .init_scale = 0.5f},
                             AllObjectives());
  base::ThreadPool pool(1);
  RankerTrainOptions options = kExact;
  options.learning_rate = 0;
  options.table_learning_rate = 0.01f;
  RankerTrainer trainer(&ranker, options, pool);
  const examples::RankingBatch batch = RandomBatch(6, 5, 17);
  size_t rows_checked = 0;
  std::vector<std::vector<float>> before, numeric;
  std::vector<nn::Parameter> tables;
  for (nn::Parameter& parameter : ranker.Parameters()) {
    if (!parameter.gradient.empty()) continue;
    std::vector<float> slopes(parameter.value.size());
    for (size_t i = 0; i < slopes.size(); ++i) {
      constexpr float kStep = 2e-3f;
      const float value = parameter.value[i];
      parameter.value[i] = value + kStep;
      const double up = Loss(trainer, ranker, batch);
      parameter.value[i] = value - kStep;
      const double down = Loss(trainer, ranker, batch);
      parameter.value[i] = value;
      slopes[i] = static_cast<float>((up - down) / (2.0 * static_cast<double>(kStep)));
    }
    before.emplace_back(parameter.value.begin(), parameter.value.end());
    numeric.push_back(std::move(slopes));
    tables.push_back(std::move(parameter));
  }
  Backward(trainer, ranker, batch);
  trainer.Apply();
  for (size_t t = 0; t < tables.size(); ++t) {
    const size_t dim = tables[t].shape[1];
    for (size_t row = 0; row < tables[t].shape[0]; ++row) {
      const float* slope = numeric[t].data() + row * dim;
      const double squares = std::inner_product(slope, slope + dim, slope, 0.0);
      const double rms = std::sqrt(squares / static_cast<double>(dim));
      if (row > 0 && rms < 1e-3) continue;  // too small for finite differences in fp32
      ++rows_checked;
      for (size_t d = 0; d < dim; ++d) {
        const double moved = static_cast<double>(tables[t].value[row * dim + d]) -
                             static_cast<double>(before[t][row * dim + d]);
        const double expected = row == 0 ? 0.0 : -0.01 * static_cast<double>(slope[d]) / rms;
        EXPECT_NEAR(moved, expected, 4e-4) << tables[t].name << " row " << row;
      }
    }
  }
  EXPECT_GT(rows_checked, 40u);
}

// With mean 0 over a batch, a unit is active for some of it.
TEST(RankerTrainer, TR05_NoUnitOfTheFirstLayerIsDeadOnTheBatchThatTrainingStartsFrom) {
  const examples::RankingBatch batch = RandomBatch(60, 5, 17);
  const auto dead = [&](bool start) {
    Ranker ranker = MakeRanker({.architecture = {.widths = {128}}},
                               {EventObjective("click", EventType::kClick)});
    base::ThreadPool pool(1);
    RankerTrainer trainer(&ranker, kExact, pool);
    if (start) trainer.StartFrom(batch);
    Backward(trainer, ranker, batch);
    return ranker.ReluLayers()[0]->share();
  };
  EXPECT_GT(dead(false), 0) << "else this batch is no test";
  EXPECT_EQ(dead(true), 0);
}

TEST(RankerTrainer, LearningRatesScaleTheStep) {
  const examples::RankingBatch batch = RandomBatch(6, 5, 17);
  const auto moved = [&](float share) {  // by weights (Adam) and embeddings (Adagrad)
    Ranker ranker = MakeRanker({.architecture = {.widths = {8}}}, AllObjectives());
    base::ThreadPool pool(1);
    RankerTrainer trainer(&ranker, kExact, pool);
    trainer.ScaleLearningRates(share);
    Backward(trainer, ranker, batch);
    const float head = ParameterNamed(ranker, "net.heads.bias").value[1];
    const float item = ParameterNamed(ranker, "embedding.ranked_item").value[2 * 7];
    trainer.Apply();
    return std::pair(std::abs(ParameterNamed(ranker, "net.heads.bias").value[1] - head),
                     std::abs(ParameterNamed(ranker, "embedding.ranked_item").value[2 * 7] - item));
  };
  EXPECT_EQ(moved(0.0f), std::pair(0.0f, 0.0f));
  EXPECT_GT(moved(1.0f).second, 0.0f);
  EXPECT_NEAR(moved(0.5f).first, 0.5f * moved(1.0f).first, 1e-6f);
  EXPECT_NEAR(moved(0.5f).second, 0.5f * moved(1.0f).second, 1e-6f);
}

TEST(RankerTrainer, MT01_MaskedImpressionsChangeNothing) {
  Ranker ranker = MakeRanker({.architecture = {.widths = {8}}},
                             {EventObjective("like", EventType::kLike, LikeOrDislike())});
  base::ThreadPool pool(1);
  RankerTrainer trainer(&ranker, kExact, pool);
  examples::RankingBatch batch = RandomBatch(6, 5, 17);
  for (examples::Labels& labels : batch.labels) labels = Clicked(10.0f);  // not observed
  Backward(trainer, ranker, batch);
  for (const nn::Parameter& parameter : ranker.Parameters()) {
    for (const float gradient : parameter.gradient) EXPECT_EQ(gradient, 0.0f);
  }
}

TEST(RankerTrainer, MT01_MaskedImpressionsChangeNoWeightAndNoRowOfATable) {
  std::vector<Objective> objectives = AllObjectives();
  for (Objective& objective : objectives) {
    if (objective.label != Objective::Label::kCompletion) objective.observed = LikeOrDislike();
  }
  examples::RankingBatch batch = RandomBatch(6, 5, 17);
  for (examples::Labels& labels : batch.labels) labels = Clicked(10.0f);  // not observed
  std::ranges::fill(batch.impressions.duration_s, schema::kAbsent);
  for (const Objective& objective : objectives) {
    SCOPED_TRACE(objective.name);
    Ranker ranker = MakeRanker({.architecture = {.widths = {8}}, .init_scale = 0.3f}, {objective});
    base::ThreadPool pool(1);
    RankerTrainer trainer(&ranker, kExact, pool);
    std::vector<std::vector<float>> before;
    for (const nn::Parameter& parameter : ranker.Parameters()) {
      before.emplace_back(parameter.value.begin(), parameter.value.end());
    }
    Backward(trainer, ranker, batch);
    trainer.Apply();
    size_t at = 0;
    for (const nn::Parameter& parameter : ranker.Parameters()) {
      EXPECT_TRUE(std::ranges::equal(parameter.value, before[at++])) << parameter.name;
    }
    batch.labels[0] = Happened({EventType::kLike, EventType::kClick}, 10.0f);  // one is observed
    batch.impressions.duration_s[0] = 40;
    batch.labels[0].rating = 4;
    Backward(trainer, ranker, batch);
    trainer.Apply();
    EXPECT_FALSE(
        std::ranges::equal(ParameterNamed(ranker, "embedding.ranked_item").value, before[0]));
    batch.labels[0] = Clicked(10.0f);
    batch.impressions.duration_s[0] = schema::kAbsent;
  }
}

TEST(RankerTrainer, MT01_AHeadOfNoWeightLeavesTheOtherAsIfTrainedAlone) {
  const RankerOptions options = {.architecture = {.widths = {8}}, .init_scale = 0.3f};
  Ranker alone = MakeRanker(options, {WatchObjective()});
  std::vector<Objective> two = {WatchObjective(), EventObjective("click", EventType::kClick)};
  two[1].loss_weight = 0;
  Ranker both = MakeRanker(options, two);
  for (const nn::Parameter& from : alone.Parameters()) {
    const nn::Parameter to = ParameterNamed(both, from.name);
    std::ranges::copy(from.value, to.value.begin());  // of the heads: the first row
  }
  const examples::RankingBatch batch = RandomBatch(20, 5, 17);
  Fit(&alone, kExact, batch, 50);
  Fit(&both, kExact, batch, 50);
  const std::vector<float> single = ScoreAll(alone, batch), multi = ScoreAll(both, batch);
  for (size_t i = 0; i < batch.size(); ++i) {
    EXPECT_NEAR(multi[2 * i], single[i], 1e-3f * single[i]);
  }
}

// Each clicked impression of T seconds once, weighted (RK-12), or T times with weight one.
struct Repetition {
  examples::RankingBatch weighted, repeated;
};
Repetition MakeRepetition() {
  Repetition result;
  base::Rng rng(5);
  for (examples::RankingBatch* batch : {&result.weighted, &result.repeated}) {
    AppendRow(SmallShape().query, {}, &batch->queries);
  }
  for (uint32_t i = 0; i < 60; ++i) {
    const FeatureIds ids = {{"item", {1 + i % 5}}};
    const bool clicked = rng.Below(3) != 0;
    const auto seconds = static_cast<uint32_t>(1 + rng.Below(6));
    const examples::Labels labels =
        clicked ? Clicked(static_cast<float>(seconds)) : examples::Labels{};
    AppendImpression(ids, labels, &result.weighted);
    for (uint32_t copy = 0; copy < (clicked ? seconds : 1); ++copy) {
      AppendImpression(ids, labels, &result.repeated);
    }
  }
  return result;
}

TEST(RankerTrainer, RK12_WatchTimeWeightsEqualRepetition) {
  const RankerOptions options = {.architecture = {.widths = {8}}, .init_scale = 0.3f};
  Ranker weighted = MakeRanker(options, {WatchObjective(nn::WatchTimeForm::kPaper)});
  Ranker repeated = MakeRanker(options, {EventObjective("click", EventType::kClick)});
  const Repetition data = MakeRepetition();
  base::ThreadPool pool(1);
  {
    RankerTrainer one(&weighted, kExact, pool), other(&repeated, kExact, pool);
    Backward(one, weighted, data.weighted);
    Backward(other, repeated, data.repeated);
    const std::vector<nn::Parameter> a = weighted.Parameters(), b = repeated.Parameters();
    // Both are gradients of means; the gradients of sums must be equal.
    const auto n = static_cast<float>(data.weighted.size());
    const auto m = static_cast<float>(data.repeated.size());
    for (size_t p = 0; p < a.size(); ++p) {
      for (size_t i = 0; i < a[p].gradient.size(); ++i) {
        EXPECT_NEAR(a[p].gradient[i] * n, b[p].gradient[i] * m, 2e-3f) << a[p].name;
      }
    }
  }
  RankerTrainOptions train = kExact;
  train.learning_rate = 0.02f;
  Fit(&weighted, train, data.weighted, 400);
  Fit(&repeated, train, data.repeated, 400);
  const std::vector<float> odds = ScoreAll(weighted, data.weighted);
  const std::vector<float> of_each = ScoreAll(repeated, data.repeated);
  std::vector<float> probability(6);
  for (size_t i = 0; i < data.repeated.size(); ++i) {
    probability[data.repeated.impressions.categorical[kItemSlot][i][0]] = of_each[i];
  }
  for (size_t i = 0; i < data.weighted.size(); ++i) {
    const float p = probability[data.weighted.impressions.categorical[kItemSlot][i][0]];
    EXPECT_NEAR(odds[i], p / (1 - p), 0.02f * odds[i]);
  }
}

TEST(RankerTrainer, RK12_GradientEqualsAnalyticAtTheHead) {
  // Without hidden layers and with zero weights the gradient of the bias is the mean over
  // impressions of -T (1 - s) for watched and s for others, s = 1/2.
  Ranker ranker =
      MakeRanker({.architecture = {.name = "linear"}}, {WatchObjective(nn::WatchTimeForm::kPaper)});
  for (const char* half : {"query", "impression"}) {
    const std::string name = fmt::format("net.heads.{}.weight", half);
    std::ranges::fill(ParameterNamed(ranker, name).value, 0.0f);
  }
  base::ThreadPool pool(1);
  RankerTrainer trainer(&ranker, kExact, pool);
  examples::RankingBatch batch;
  AppendRow(SmallShape().query, {}, &batch.queries);
  AppendImpression({}, Clicked(30.0f), &batch);
  AppendImpression({}, {}, &batch);
  AppendImpression({}, Clicked(8.0f), &batch);
  AppendImpression({}, {}, &batch);
  Backward(trainer, ranker, batch);
  EXPECT_NEAR(ParameterNamed(ranker, "net.heads.bias").gradient[0],
              (-30.0f * 0.5f + 0.5f - 8.0f * 0.5f + 0.5f) / 4.0f, 1e-5f);
}

// A grid of click probability and watch time, one item per cell, in exact proportions.
struct Cell {
  float probability, seconds;
};
const std::vector<Cell> kGrid = {{0.05f, 5}, {0.05f, 60}, {0.3f, 5},
                                 {0.3f, 60}, {0.6f, 5},   {0.6f, 60}};
examples::RankingBatch GridBatch() {
  examples::RankingBatch batch;
  AppendRow(SmallShape().query, {}, &batch.queries);
  constexpr uint32_t kImpressions = 80;
  for (uint32_t cell = 0; cell < kGrid.size(); ++cell) {
    const auto clicks = static_cast<uint32_t>(std::lround(kGrid[cell].probability * kImpressions));
    for (uint32_t i = 0; i < kImpressions; ++i) {
      const float spread = i % 2 == 0 ? 0.5f : 1.5f;
      AppendImpression({{"item", {1 + cell}}},
                       i < clicks ? Clicked(kGrid[cell].seconds * spread) : examples::Labels{},
                       &batch);
    }
  }
  return batch;
}

void CheckGrid(nn::WatchTimeForm form, const std::function<float(const Cell&)>& truth) {
  const examples::RankingBatch batch = GridBatch();
  Ranker ranker =
      MakeRanker({.architecture = {.widths = {16}}, .init_scale = 0.3f}, {WatchObjective(form)});
  RankerTrainOptions options = kExact;
  options.learning_rate = 0.01f;
  options.table_learning_rate = 0.05f;
  Fit(&ranker, options, batch, 600);
  const std::vector<float> predictions = ScoreAll(ranker, batch);
  for (size_t i = 0; i < batch.size(); ++i) {
    const Cell& cell = kGrid[batch.impressions.categorical[kItemSlot][i][0] - 1];
    EXPECT_NEAR(predictions[i], truth(cell), 0.05f * truth(cell))
        << cell.probability << " x " << cell.seconds;
  }
}

TEST(RankerTrainer, RK13_PaperFormServesExpectedTimeOverOneMinusP) {
  CheckGrid(nn::WatchTimeForm::kPaper, [](const Cell& cell) {
    return cell.probability * cell.seconds / (1 - cell.probability);
  });
}

TEST(RankerTrainer, RK13_ExactFormServesExpectedTimeAlsoWhereClicksAreFrequent) {
  CheckGrid(nn::WatchTimeForm::kExact,
            [](const Cell& cell) { return cell.probability * cell.seconds; });
}

TEST(RankerTrainer, RK14_ClickRatesRankClickbaitFirstAndWatchTimeDoesNot) {
  // Items 1 to 4 are clicked often but watched briefly, 5 to 8 the opposite.
  examples::RankingBatch batch;
  AppendRow(SmallShape().query, {}, &batch.queries);
  for (uint32_t item = 1; item <= 8; ++item) {
    const bool bait = item <= 4;
    for (uint32_t i = 0; i < 50; ++i) {
      const bool clicked = i < (bait ? 30u : 15u) + item % 4;
      AppendImpression({{"item", {item}}},
                       clicked ? Clicked(bait ? 3.0f : 100.0f) : examples::Labels{}, &batch);
    }
  }
  Ranker ranker = MakeRanker({.architecture = {.widths = {16}}},
                             {WatchObjective(), EventObjective("click", EventType::kClick)});
  RankerTrainOptions options = kExact;
  options.learning_rate = 0.01f;
  Fit(&ranker, options, batch, 400);
  const std::vector<float> predictions = ScoreAll(ranker, batch);
  std::vector<float> watch(9), click(9);
  for (size_t i = 0; i < batch.size(); ++i) {
    const uint32_t item = batch.impressions.categorical[kItemSlot][i][0];
    watch[item] = predictions[2 * i];
    click[item] = predictions[2 * i + 1];
  }
  for (size_t bait = 1; bait <= 4; ++bait) {
    for (size_t solid = 5; solid <= 8; ++solid) {
      EXPECT_GT(click[bait], click[solid]);
      EXPECT_LT(watch[bait], watch[solid]);
    }
  }
  // A page of one clicked and one unclicked item of each kind: the share of watch time below an
  // unclicked item (paper, section 4.4) is higher when ranking by clicks.
  const auto lost_time = [&](const std::vector<float>& score) {
    double lost = 0, all = 0;
    for (size_t i = 0; i < batch.size(); ++i) {
      for (size_t j = 0; j < batch.size(); ++j) {
        if (batch.labels[i].watch_s == 0 || batch.labels[j].watch_s > 0) continue;
        const auto item = [&](size_t at) {
          return batch.impressions.categorical[kItemSlot][at][0];
        };
        all += static_cast<double>(batch.labels[i].watch_s);
        if (score[item(j)] > score[item(i)]) lost += static_cast<double>(batch.labels[i].watch_s);
      }
    }
    return lost / all;
  };
  EXPECT_GT(lost_time(click), 1.5 * lost_time(watch));
}

TEST(RankerTrainer, DropoutIsOffWhenEvaluatingAndFieldDropoutTeachesTheUnknown) {
  // One item, always clicked: its embedding or the other weights can learn it.
  examples::RankingBatch batch;
  AppendRow(SmallShape().query, {}, &batch.queries);
  for (uint32_t i = 0; i < 64; ++i) {
    AppendImpression({{"item", {1 + i % 2}}}, i % 2 == 0 ? Clicked(1.0f) : examples::Labels{},
                     &batch);
  }
  const auto unknown_click = [&](float field_dropout) {
    Ranker ranker = MakeRanker({.architecture = {.widths = {16}}, .init_scale = 0.5f},
                               {EventObjective("click", EventType::kClick)});
    RankerTrainOptions options = kExact;
    options.learning_rate = 0.01f;
    options.dropout = 0.1f;
    options.field_dropout = field_dropout;
    Fit(&ranker, options, batch, 300);
    base::ThreadPool pool(1);
    RankerTrainer trainer(&ranker, options, pool);
    EXPECT_EQ(Loss(trainer, ranker, batch), Loss(trainer, ranker, batch));
    EXPECT_LT(Loss(trainer, ranker, batch), 0.2);
    examples::RankingBatch unknown;
    AppendRow(SmallShape().query, {}, &unknown.queries);
    AppendImpression({{"item", {0}}}, {}, &unknown);
    return ScoreAll(ranker, unknown)[0];
  };
  EXPECT_NEAR(unknown_click(0.3f), 0.5f, 0.2f);
}

}  // namespace
}  // namespace upnext::ranking
