// Hand-made batches for the tests of this room: no log, no extraction.
//
//   const RankerShape shape = SmallShape();
//   examples::RankingBatch batch;
//   AppendRow(features::Side::kQuery, {{features::slot::kLastWatched, {3}}}, &batch.queries);
//   AppendImpression({{features::slot::kItemId, {7}}}, Clicked(12.0f), &batch);
#ifndef UPNEXT_RANKING_TEST_BATCHES_H_
#define UPNEXT_RANKING_TEST_BATCHES_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "examples/streams.h"
#include "features/fields.h"
#include "nn/parameter.h"
#include "ranking/ranker.h"
#include "ranking/ranker_step.h"
#include "schema/event.h"

namespace upnext::ranking {

using SlotIds = std::map<size_t, std::vector<uint32_t>>;  // by categorical slot of the side

// A row of these ids and, with an rng, of random numbers (else zeros).
inline void AppendRow(features::Side side, const SlotIds& ids, features::RankingBlock* block,
                      base::Rng* rng = nullptr) {
  for (size_t slot = 0; slot < block->categorical.size(); ++slot) {
    features::Bags& bags = block->categorical[slot];
    if (const auto found = ids.find(slot); found != ids.end()) {
      bags.ids.insert(bags.ids.end(), found->second.begin(), found->second.end());
    }
    bags.Close();
  }
  const size_t numbers = features::ContinuousFields(side);
  block->raw.resize(block->raw.size() + numbers);
  for (size_t i = 0; i < numbers * features::kPowers; ++i) {
    block->dense.push_back(rng == nullptr ? 0.0f : static_cast<float>(rng->Uniform()));
  }
  ++block->rows;
}

inline examples::Labels Happened(std::vector<schema::EventType> types, float watch_s = 0) {
  examples::Labels labels{.watch_s = watch_s};
  for (const schema::EventType type : types) {
    labels.happened |= static_cast<uint16_t>(1u << static_cast<int>(type));
  }
  return labels;
}
inline examples::Labels Clicked(float watch_s) {
  return Happened({schema::EventType::kClick, schema::EventType::kWatch}, watch_s);
}

// An impression of the newest query.
inline void AppendImpression(const SlotIds& ids, const examples::Labels& labels,
                             examples::RankingBatch* batch, base::Rng* rng = nullptr) {
  AppendRow(features::Side::kImpression, ids, &batch->impressions, rng);
  batch->query_of.push_back(static_cast<uint32_t>(batch->queries.rows - 1));
  batch->labels.push_back(labels);
}

inline RankerShape SmallShape(uint32_t rows = 12) {
  RankerShape shape;
  shape.fill(rows);
  return shape;
}

inline Ranker MakeRanker(const RankerOptions& options, std::vector<Objective> objectives,
                         const RankerShape& shape = SmallShape(), uint64_t seed = 7) {
  base::Rng rng(seed);
  Result<Ranker> ranker = Ranker::Make(options, std::move(objectives), shape, rng);
  if (!ranker) ADD_FAILURE() << ranker.error().message;
  return *std::move(ranker);
}

// Every field filled at random, ids out of vocabulary and empty bags included; a third of the
// impressions is clicked and watched, some of those are liked or disliked and rated.
inline examples::RankingBatch RandomBatch(size_t queries, size_t impressions_each, uint64_t seed,
                                          uint32_t rows = 12) {
  base::Rng rng(seed);
  examples::RankingBatch batch;
  const auto random_ids = [&](features::Side side) {
    SlotIds ids;
    for (size_t slot = 0; slot < features::CategoricalFields(side); ++slot) {
      for (uint64_t n = rng.Below(4); n > 0; --n) {
        ids[slot].push_back(static_cast<uint32_t>(rng.Below(rows)));
      }
    }
    return ids;
  };
  for (size_t q = 0; q < queries; ++q) {
    AppendRow(features::Side::kQuery, random_ids(features::Side::kQuery), &batch.queries, &rng);
    for (size_t i = 0; i < impressions_each; ++i) {
      examples::Labels labels;
      if (rng.Below(3) == 0) {
        labels = Clicked(static_cast<float>(1 + rng.Below(90)));
        labels.happened |= static_cast<uint16_t>(
            1u << static_cast<int>(rng.Below(2) == 0 ? schema::EventType::kLike
                                                     : schema::EventType::kDislike));
        labels.rating = static_cast<float>(1 + rng.Below(5));
      }
      AppendImpression(random_ids(features::Side::kImpression), labels, &batch, &rng);
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
  ADD_FAILURE() << "no parameter is called " << name;
  return {};
}

// Trains on one batch over and over.
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
inline Objective EventObjective(std::string name, schema::EventType event, uint16_t observed = 0) {
  return {.name = std::move(name), .event = event, .observed = observed};
}
inline uint16_t LikeOrDislike() {
  return Happened({schema::EventType::kLike, schema::EventType::kDislike}).happened;
}
inline Objective RatingObjective() {
  return {.name = "rating",
          .label = Objective::Label::kRating,
          .loss = Objective::Loss::kSquared,
          .cap = 300.0f,
          .loss_weight = 0.1f};
}
// One of each kind of head.
inline std::vector<Objective> AllObjectives() {
  return {WatchObjective(), EventObjective("click", schema::EventType::kClick),
          EventObjective("like", schema::EventType::kLike, LikeOrDislike()), RatingObjective()};
}

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_TEST_BATCHES_H_
