#include "evaluation/importance.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "evaluation/metrics.h"
#include "examples/epoch.h"
#include "features/feature_block.h"
#include "ranking/objectives.h"

namespace upnext::evaluation {
namespace {

using examples::RankingBatch;
using features::FeatureBlock;

// A feature, and where the blocks of its side have it.
struct FeaturePlace {
  const features::Feature* feature;
  size_t slot;         // of categorical ones
  size_t dense_width;  // of the side
};

// A row of a sample in batches.
struct SampleRow {
  uint32_t batch, row;
};

struct SampleFigures {
  double loss = 0;
  std::vector<double> pairs;  // by objective, AUC or XAUC
};

FeatureBlock& BlockOf(RankingBatch& batch, features::Side side) {
  return side == features::Side::kQuery ? batch.queries : batch.impressions;
}
const FeatureBlock& BlockOf(const RankingBatch& batch, features::Side side) {
  return side == features::Side::kQuery ? batch.queries : batch.impressions;
}

// All features of one side.
std::vector<FeaturePlace> PlacesOf(const features::SidePlan& side) {
  std::vector<FeaturePlace> places;
  for (size_t slot = 0; slot < side.categories.size(); ++slot) {
    places.push_back({&side.categories[slot], slot, side.dense_width});
  }
  for (const features::Feature& feature : side.numbers)
    places.push_back({&feature, 0, side.dense_width});
  std::erase_if(places, [](const FeaturePlace& place) { return place.feature->dropped; });
  return places;
}

class SampleScorer {
 public:
  SampleScorer(const ranking::Ranker& ranker, std::span<const RankingBatch> sample,
               base::ThreadPool& pool)
      : ranker_(ranker),
        sample_(sample),
        pool_(pool),
        columns_(*ranking::ColumnsOf(ranker.objectives())),
        targets_(ranker.objectives().size()) {
    examples::RankingBatch all;  // labels and durations
    for (const RankingBatch& batch : sample) {
      begins_.push_back(all.labels.size());
      const std::vector<float>& durations = batch.impressions.duration_s;
      all.labels.insert(all.labels.end(), batch.labels.begin(), batch.labels.end());
      all.impressions.duration_s.insert(all.impressions.duration_s.end(), durations.begin(),
                                        durations.end());
      for (const features::Side side : {features::Side::kQuery, features::Side::kImpression}) {
        for (uint32_t row = 0; row < BlockOf(batch, side).rows; ++row) {
          rows_[static_cast<size_t>(side)].push_back(
              {static_cast<uint32_t>(begins_.size() - 1), row});
        }
      }
    }
    impressions_ = all.labels.size();
    for (size_t k = 0; k < targets_.size(); ++k) {
      ranking::MakeTargets(ranker.objectives()[k], all, &targets_[k]);
    }
    logits_.resize(impressions_ * columns_.width);
    predictions_.resize(impressions_ * targets_.size());
  }

  const std::vector<SampleRow>& rows(features::Side side) const {
    return rows_[static_cast<size_t>(side)];
  }

  // With the values of a feature taken from these rows instead: [rows(side)], or all as they are.
  SampleFigures Measure(const FeaturePlace* place, std::span<const SampleRow> taken) {
    pool_.ParallelFor(sample_.size(), 1, [&](size_t begin, size_t end) {
      ranking::Ranker::Scratch scratch;
      for (size_t b = begin; b < end; ++b) {
        if (place == nullptr) {
          Score(b, sample_[b], scratch);
        } else {
          Score(b, WithFeatureOf(b, *place, taken), scratch);
        }
      }
    });
    SampleFigures figures;
    figures.pairs.resize(targets_.size());
    std::vector<double> losses(targets_.size());
    pool_.ParallelFor(targets_.size(), 1, [&](size_t begin, size_t end) {
      for (size_t k = begin; k < end; ++k) {
        losses[k] = LossOf(k);
        figures.pairs[k] = PairsOf(k);
      }
    });
    figures.loss = std::accumulate(losses.begin(), losses.end(), 0.0);
    return figures;
  }

 private:
  RankingBatch WithFeatureOf(size_t b, const FeaturePlace& place,
                             std::span<const SampleRow> taken) const {
    const features::Feature& feature = *place.feature;
    RankingBatch batch = sample_[b];
    FeatureBlock& block = BlockOf(batch, feature.side);
    size_t first = 0;  // row of the batch among those of its side
    for (size_t before = 0; before < b; ++before)
      first += BlockOf(sample_[before], feature.side).rows;
    const bool number = feature.kind == features::FeatureKind::kContinuous;
    if (!number) block.categorical[place.slot].Clear();
    for (size_t row = 0; row < block.rows; ++row) {
      const SampleRow& source = taken[first + row];
      const FeatureBlock& from = BlockOf(sample_[source.batch], feature.side);
      if (number) {
        std::copy_n(from.dense.data() + source.row * place.dense_width + feature.dense,
                    feature.number.width(),
                    block.dense.data() + row * place.dense_width + feature.dense);
        continue;
      }
      const features::Bags& bags = from.categorical[place.slot];
      block.categorical[place.slot].Append(bags, bags.offsets[source.row],
                                           bags.offsets[source.row + 1]);
      block.categorical[place.slot].Close();
    }
    return batch;
  }

  void Score(size_t b, const RankingBatch& batch, ranking::Ranker::Scratch& scratch) {
    ranker_.Score(batch.queries, batch.impressions, batch.query_of,
                  predictions_.data() + begins_[b] * targets_.size(), scratch, {});
    std::ranges::copy(scratch.logits, logits_.data() + begins_[b] * columns_.width);
  }

  double LossOf(size_t k) const {
    const auto [first, outputs] = columns_.heads[k];
    std::vector<float> logits;
    for (size_t i = 0; i < impressions_; ++i) {
      const float* of_impression = logits_.data() + i * columns_.width + first;
      logits.insert(logits.end(), of_impression, of_impression + outputs);
    }
    const ranking::Objective& objective = ranker_.objectives()[k];
    return static_cast<double>(objective.loss_weight) *
           ranking::ObjectiveLoss(objective, logits, targets_[k], nullptr).mean();
  }

  double PairsOf(size_t k) const {
    std::vector<float> predictions, observed;
    for (size_t i = 0; i < impressions_; ++i) {
      if (targets_[k].mask[i] == 0) continue;
      predictions.push_back(predictions_[i * targets_.size() + k]);
      observed.push_back(targets_[k].value[i]);
    }
    return PairShare(CountPairs(predictions, observed));
  }

  const ranking::Ranker& ranker_;
  const std::span<const RankingBatch> sample_;
  base::ThreadPool& pool_;
  const ranking::HeadLayout columns_;
  std::vector<ranking::Targets> targets_;  // by objective
  std::vector<size_t> begins_;             // by batch: its first impression
  std::vector<SampleRow> rows_[2];         // by side
  size_t impressions_ = 0;
  std::vector<float> logits_;       // [impressions, columns_.width]
  std::vector<float> predictions_;  // [impressions, objectives]
};

// Permutes a feature several times.
FeatureImportance Permute(SampleScorer& scorer, const FeaturePlace& place,
                          const SampleFigures& unchanged, uint64_t seed) {
  const features::Side side = place.feature->side;
  std::vector<double> rises;
  FeatureImportance importance{.feature = place.feature->name,
                               .of_request = side == features::Side::kQuery,
                               .pairs_fall = std::vector<double>(unchanged.pairs.size(), 0.0)};
  for (uint64_t round = 0; round < kPermutations; ++round) {
    // The same permutations for every feature.
    base::Rng rng(seed, /*stream=*/100 + round);
    std::vector<SampleRow> taken = scorer.rows(side);
    examples::Shuffle(taken, rng);
    const SampleFigures permuted = scorer.Measure(&place, taken);
    rises.push_back(permuted.loss - unchanged.loss);
    for (size_t k = 0; k < unchanged.pairs.size(); ++k) {
      importance.pairs_fall[k] += (unchanged.pairs[k] - permuted.pairs[k]) / kPermutations;
    }
  }
  const double mean = std::reduce(rises.begin(), rises.end()) / kPermutations;
  double squares = 0;
  for (const double rise : rises) squares += (rise - mean) * (rise - mean);
  importance.loss_rise = mean;
  importance.error = std::sqrt(squares / (kPermutations - 1) / kPermutations);
  return importance;
}

}  // namespace

Result<Importance> ImportanceOf(const ranking::Ranker& ranker, const features::FeaturePlan& plan,
                                std::span<const RankingBatch> sample, uint64_t seed,
                                base::ThreadPool& pool, base::Progress& progress) {
  Importance result;
  for (const ranking::Objective& objective : ranker.objectives()) {
    result.objectives.push_back(objective.name);
  }
  std::vector<FeaturePlace> places =
      PlacesOf(plan.side(features::Model::kRanking, features::Side::kQuery));
  for (const FeaturePlace& place :
       PlacesOf(plan.side(features::Model::kRanking, features::Side::kImpression))) {
    places.push_back(place);
  }
  SampleScorer scorer(ranker, sample, pool);
  const SampleFigures unchanged = scorer.Measure(nullptr, {});
  result.impressions = scorer.rows(features::Side::kImpression).size();
  result.requests = scorer.rows(features::Side::kQuery).size();
  result.loss = unchanged.loss;
  base::ProgressStage stage(progress, "importance", "features", places.size());
  for (const FeaturePlace& place : places) {
    if (progress.stop_requested()) return Cancelled("evaluation stopped on request");
    result.features.push_back(Permute(scorer, place, unchanged, seed));
    stage.Update(result.features.size());
  }
  std::ranges::stable_sort(result.features, std::ranges::greater(), &FeatureImportance::loss_rise);
  return result;
}

}  // namespace upnext::evaluation
