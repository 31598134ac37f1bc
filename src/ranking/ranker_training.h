// Trains the ranker on logged impressions: Adam for dense parameters, row-wise Adagrad for
// embeddings, early stopping on the validation part.
//
//   UPNEXT_ASSIGN_OR_RETURN(
//       TrainedRanker trained,
//       TrainRanker(source, tables, ranker_options, objectives, options, pool, progress));
//
// One training at a time per pool. Same seed, data and number of threads: same bytes.
#ifndef UPNEXT_RANKING_RANKER_TRAINING_H_
#define UPNEXT_RANKING_RANKER_TRAINING_H_

#include <memory>
#include <vector>

#include "base/progress.h"
#include "base/thread_pool.h"
#include "examples/candidate_stream.h"
#include "examples/ranking_stream.h"
#include "features/feature_statistics.h"
#include "nn/training_loop.h"
#include "ranking/ranker.h"

namespace upnext::ranking {

// Keys of [ranking] in the project file, in addition to the model's own.
struct RankerTrainOptions {
  uint32_t batch = 512;   // impressions per step, or a few more: requests are not split
  uint32_t epochs = 20;   // at most
  uint32_t patience = 2;  // epochs without a better validation loss before stopping
  float table_learning_rate = 0.02f, learning_rate = 1e-3f;
  // Learning rates decrease linearly to zero over `epochs`, so that the final weights do not depend
  // on the last batch. Then `epochs` is the length of training rather than its maximum.
  bool decay = false;
  // Each epoch passes through the days in sequence (TR-01), and what the optimisers learned is kept, so
  // that a later training can continue from it.
  bool time_order = false;
  float dropout = 0.0f;  // share of the first layer's inputs dropped for each example
  // Share of embeddings replaced by zeros in training, as for ids out of vocabulary when serving:
  // trains the model for items that it has not seen.
  float field_dropout = 0.0f;
  float weight_decay = 0.0f;  // of dense weights, decoupled (AdamW)
  bool bf16 = true;           // matrix products in bf16 where that is fast
  // Trains exactly this many epochs of the schedule, without early stopping: a fit on data that
  // leaves none to validate on. 0: as validation says.
  uint32_t stop_after = 0;
  // Training stops when this share of the ReLU units of a layer is zero for all examples of an
  // epoch.
  double max_dead_units = 0.9;
  nn::CheckpointOptions checkpoints = {};  // interval from the project file, folder from the caller
  uint64_t seed = 1;
  static RankerTrainOptions FromConfig(const base::ConfigTable& ranking);
};

class RankerTrainer;

// `loss` and `validation` of an epoch are sums over objectives of loss_weight * mean loss; the
// tasks are the objectives.
struct TrainedRanker : nn::TrainingReport {
  std::unique_ptr<Ranker> ranker;  // of the best epoch
  // With time_order: has the state of the optimisers (ranker_trainer.h), to continue from.
  std::shared_ptr<RankerTrainer> trainer;
};

// What a training continues from (TR-02); without a ranker, it is a new one.
struct RankerStart {
  Ranker* ranker = nullptr;
  RankerTrainer* trainer = nullptr;  // its state
  int64_t seen_ms = INT64_MIN;       // only later impressions are learned from
};

// Objectives first learn their targets (learn_objectives.h). kFailedPrecondition when the training
// part has no impressions or not the labels for that, kInvalidArgument for an unknown
// architecture; otherwise as nn::RunTraining: kInternal when it diverges, kCancelled on request.
// From a `start`, objectives keep their targets, and weights and optimisers go on exactly as they
// were; `tables` must have grown from those of the start. If no impression is later than what it has
// seen, the ranker stays as it is.
Result<TrainedRanker> TrainRanker(const examples::ReplaySource& source,
                                  const features::FeatureStatistics& tables,
                                  const RankerOptions& ranker_options,
                                  const std::vector<Objective>& objectives,
                                  const RankerTrainOptions& options, base::ThreadPool& pool,
                                  base::Progress& progress, const RankerStart& start = {});

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_RANKER_TRAINING_H_
