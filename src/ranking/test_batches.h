// Small batches for the tests of this room, built without a log or feature extraction.
//
//   const features::ModelShape shape = SmallShape();
//   examples::RankingBatch batch;
//   AppendRow(SmallShape().query, {{"last_watched", {3}}}, &batch.queries);
//   AppendImpression({{"item", {7}}}, Clicked(12.0f), &batch);
#ifndef UPNEXT_RANKING_TEST_BATCHES_H_
#define UPNEXT_RANKING_TEST_BATCHES_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "examples/ranking_stream.h"
#include "features/model_shape.h"
#include "nn/gradient_check.h"
#include "nn/parameter.h"
#include "ranking/ranker.h"
#include "ranking/ranker_trainer.h"
#include "schema/event.h"

namespace upnext::ranking {

// The default features, every table of `rows` rows.
inline features::ModelShape SmallShape(uint32_t rows = 12) {
  features::ModelShape shape = ShapeOf(features::FeatureStatistics());
  for (features::ModelShape::Table& table : shape.tables) table.rows = rows;
  return shape;
}

using FeatureIds = std::map<std::string, std::vector<uint32_t>>;  // by name of the feature

// A row of these ids and, with an rng, of random numbers (else zeros).
inline void AppendRow(const features::ModelShape::SideShape& side, const FeatureIds& ids,
                      features::FeatureBlock* block, base::Rng* rng = nullptr) {
  block->categorical.resize(side.slots.size());
  for (size_t slot = 0; slot < side.slots.size(); ++slot) {
    features::Bags& bags = block->categorical[slot];
    if (const auto found = ids.find(side.slots[slot].feature); found != ids.end()) {
      bags.ids.insert(bags.ids.end(), found->second.begin(), found->second.end());
    }
    bags.Close();
  }
  for (size_t i = 0; i < side.dense; ++i) {
    block->dense.push_back(rng == nullptr ? 0.0f : static_cast<float>(rng->Uniform()));
  }
  ++block->rows;
}

inline examples::Labels Happened(std::vector<schema::EventType> types, float watch_s = 0) {
  examples::Labels labels{.watch_s = watch_s};
  for (const schema::EventType type : types) {
    labels.happened.Add(type);
  }
  return labels;
}
inline examples::Labels Clicked(float watch_s) {
  return Happened({schema::EventType::kClick, schema::EventType::kWatch}, watch_s);
}

// An impression of the newest query, of an item of this duration.
inline void AppendImpression(const FeatureIds& ids, const examples::Labels& labels,
                             examples::RankingBatch* batch, base::Rng* rng = nullptr,
                             float duration_s = schema::kAbsent) {
  AppendRow(SmallShape().impression, ids, &batch->impressions, rng);
  batch->impressions.duration_s.push_back(duration_s);
  batch->query_of.push_back(static_cast<uint32_t>(batch->queries.rows - 1));
  batch->labels.push_back(labels);
}

inline Ranker MakeRanker(const RankerOptions& options, std::vector<Objective> objectives,
                         const features::ModelShape& shape = SmallShape(), uint64_t seed = 7) {
  base::Rng rng(seed);
  Result<Ranker> ranker = Ranker::Make(options, std::move(objectives), shape, rng);
  if (!ranker) ADD_FAILURE() << ranker.error().message;
  return *std::move(ranker);
}

// Every field filled at random, including ids out of vocabulary and empty bags; a third of the
// impressions is clicked and watched, and some of those are liked or disliked and rated. Some items
// have no duration.
inline examples::RankingBatch RandomBatch(size_t queries, size_t impressions_each, uint64_t seed,
                                          uint32_t rows = 12) {
  base::Rng rng(seed);
  examples::RankingBatch batch;
  const features::ModelShape shape = SmallShape();
  const auto random_ids = [&](const features::ModelShape::SideShape& side) {
    FeatureIds ids;
    for (const features::ModelShape::Slot& slot : side.slots) {
      for (uint64_t n = rng.Below(4); n > 0; --n) {
        ids[slot.feature].push_back(static_cast<uint32_t>(rng.Below(rows)));
      }
    }
    return ids;
  };
  for (size_t q = 0; q < queries; ++q) {
    AppendRow(shape.query, random_ids(shape.query), &batch.queries, &rng);
    for (size_t i = 0; i < impressions_each; ++i) {
      examples::Labels labels;
      if (rng.Below(3) == 0) {
        labels = Clicked(static_cast<float>(1 + rng.Below(90)));
        labels.happened.Add(rng.Below(2) == 0 ? schema::EventType::kLike
                                              : schema::EventType::kDislike);
        labels.rating = static_cast<float>(1 + rng.Below(5));
      }
      const size_t n = batch.size();
      AppendImpression(random_ids(shape.impression), labels, &batch, &rng,
                       n % 4 == 0 ? schema::kAbsent : static_cast<float>(20 + 10 * (n % 7)));
    }
  }
  return batch;
}

inline std::vector<float> ScoreAll(const Ranker& ranker, const examples::RankingBatch& batch) {
  std::vector<float> predictions(batch.size() * ranker.objectives().size());
  Ranker::Scratch scratch;
  ranker.Score(batch.queries, batch.impressions, batch.query_of, predictions.data(), scratch, {});
  return predictions;
}

// The gradient of one parameter after RankerTrainer::Backward.
inline nn::Parameter ParameterNamed(Ranker& ranker, std::string_view name) {
  for (nn::Parameter& parameter : ranker.Parameters()) {
    if (parameter.name == name) return std::move(parameter);
  }
  ADD_FAILURE() << "no parameter has the name " << name;
  return {};
}

// Trains on one batch repeatedly.
inline void Fit(Ranker* ranker, const RankerTrainOptions& options,
                const examples::RankingBatch& batch, int steps) {
  base::ThreadPool pool(1);
  RankerTrainer trainer(ranker, options, pool);
  trainer.StartFrom(batch);
  for (int step = 0; step < steps; ++step) {
    std::vector<nn::LossValue> losses(ranker->objectives().size());
    trainer.Backward(batch, losses);
    trainer.Apply();
  }
}

inline Objective WatchObjective(nn::WatchTimeForm form = nn::WatchTimeForm::kExact,
                                float cap = 300.0f) {
  return {.name = "watch",
          .label = Objective::Label::kWatchSeconds,
          .loss = Objective::Loss::kWeightedLogistic,
          .form = form,
          .cap = cap,
          .score_weight = 1.0f};
}
inline Objective EventObjective(std::string name, schema::EventType event,
                                schema::EventTypeSet observed = {}) {
  return {.name = std::move(name), .event = event, .observed = observed};
}
inline schema::EventTypeSet LikeOrDislike() {
  return Happened({schema::EventType::kLike, schema::EventType::kDislike}).happened;
}
inline Objective RatingObjective() {
  return {.name = "rating",
          .label = Objective::Label::kRating,
          .loss = Objective::Loss::kSquared,
          .cap = 300.0f,
          .loss_weight = 0.1f};
}
inline Objective HuberObjective() {
  return {.name = "watch-huber",
          .label = Objective::Label::kWatchSeconds,
          .loss = Objective::Loss::kHuber,
          .cap = 300.0f,
          .delta = 7.0f,
          .loss_weight = 0.01f};
}
inline Objective UnwantedObjective() {
  return {.name = "unwanted",
          .label = Objective::Label::kUnwanted,
          .against = Happened({schema::EventType::kDislike}).happened,
          .low_rating = 2,
          .score_weight = -0.5f};
}
inline Objective CompletionObjective() {
  return {.name = "completion", .label = Objective::Label::kCompletion};
}
// Learned from watches of 0 to 100 s of items of 100 s, and of 0 to 20 s of items of 20 s, evenly.
inline Objective QuantileObjective() {
  Objective objective{.name = "watch-quantile",
                      .label = Objective::Label::kWatchSeconds,
                      .loss = Objective::Loss::kQuantile};
  std::vector<WatchQuantiles::Watch> watches;
  for (int second = 0; second <= 100; ++second) {
    watches.push_back({100, static_cast<float>(second)});
    watches.push_back({20, static_cast<float>(second % 21)});
  }
  objective.quantiles = WatchQuantiles::Learn(std::move(watches), 2);
  return objective;
}
// Five buckets of 0 to 90 s, evenly.
inline Objective OrdinalObjective() {
  Objective objective{.name = "watch-ordinal",
                      .label = Objective::Label::kWatchSeconds,
                      .loss = Objective::Loss::kOrdinal,
                      .loss_weight = 0.1f};
  std::vector<float> seconds;
  for (int second = 0; second <= 90; ++second) seconds.push_back(static_cast<float>(second));
  objective.levels = WatchLevels::Learn(std::move(seconds), 5);
  return objective;
}
// One objective for each kind of head.
inline std::vector<Objective> AllObjectives() {
  return {WatchObjective(),
          EventObjective("click", schema::EventType::kClick),
          EventObjective("like", schema::EventType::kLike, LikeOrDislike()),
          RatingObjective(),
          HuberObjective(),
          UnwantedObjective(),
          CompletionObjective(),
          QuantileObjective(),
          OrdinalObjective()};
}

const RankerTrainOptions kExact = {.bf16 = false};
const AttentionOptions kAttention = {.features = {"watched_items", "watched_channels"},
                                     .widths = {6, 3}};

inline double Loss(RankerTrainer& trainer, const Ranker& ranker,
                   const examples::RankingBatch& batch) {
  std::vector<nn::LossValue> losses(ranker.objectives().size());
  trainer.Evaluate(batch, losses);
  double sum = 0;
  for (size_t k = 0; k < losses.size(); ++k) {
    sum += static_cast<double>(ranker.objectives()[k].loss_weight) * losses[k].mean();
  }
  return sum;
}

inline void Backward(RankerTrainer& trainer, const Ranker& ranker,
                     const examples::RankingBatch& batch) {
  std::vector<nn::LossValue> losses(ranker.objectives().size());
  trainer.Backward(batch, losses);
}

// Of the weights whose names start with `of`.
inline void CheckDenseGradients(const RankerOptions& options, const std::string& of) {
  Ranker ranker = MakeRanker(options, AllObjectives());
  base::ThreadPool pool(1);
  RankerTrainer trainer(&ranker, kExact, pool);
  const examples::RankingBatch batch = RandomBatch(6, 5, 17);
  Backward(trainer, ranker, batch);
  size_t checked = 0;
  for (const nn::Parameter& parameter : ranker.Parameters()) {
    if (parameter.gradient.empty() || !parameter.name.starts_with(of)) continue;
    ++checked;
    SCOPED_TRACE(parameter.name);
    const auto worst = nn::CheckGradient(parameter.value, parameter.gradient,
                                         [&] { return Loss(trainer, ranker, batch); },
                                         {.step = 1e-3f, .samples = 60, .floor = 5e-2});
    EXPECT_LT(worst.relative_error, 2e-2) << worst;
  }
  EXPECT_GT(checked, 3u);
}

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_TEST_BATCHES_H_
