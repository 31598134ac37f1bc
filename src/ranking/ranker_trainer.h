// Trains the ranker on logged impressions: Adam for dense parts, row-wise Adagrad for embeddings,
// early stop on the validation part.
//
//   UPNEXT_ASSIGN_OR_RETURN(TrainedRanker trained,
//                           TrainRanker(source, tables, ranker_options, objectives, options, pool,
//                                       progress));
//
// One training at a time per pool. Same seed, data and number of threads: same bytes.
#ifndef UPNEXT_RANKING_RANKER_TRAINER_H_
#define UPNEXT_RANKING_RANKER_TRAINER_H_

#include <memory>
#include <vector>

#include "base/progress.h"
#include "base/thread_pool.h"
#include "examples/streams.h"
#include "features/feature_statistics.h"
#include "nn/training_loop.h"
#include "ranking/ranker.h"

namespace upnext::ranking {

// [ranking] of the project file, beside the model's own keys.
struct RankerTrainOptions {
  uint32_t batch = 512;   // impressions a step, or a few more: requests are not cut
  uint32_t epochs = 20;   // at most
  uint32_t patience = 2;  // epochs without a better validation loss before stopping
  float table_learning_rate = 0.02f, learning_rate = 1e-3f;
  // Learning rates fall in a line to zero over `epochs`, so that the last weights are not those of
  // a chance batch. Then `epochs` is a length of training rather than a bound.
  bool decay = false;
  float dropout = 0.0f;  // share of the first layer's inputs left out of each example
  // Share of embeddings that an example sees as zeros, which is what an id out of vocabulary gives
  // at serving: teaches the model what to say of items it has never seen.
  float field_dropout = 0.0f;
  float weight_decay = 0.0f;  // of the dense weights, decoupled (AdamW)
  bool bf16 = true;           // matrix products in bf16 where the machine is fast at it
  // A share of a layer's ReLU units, silent for every example of an epoch, that stops training.
  double max_dead_units = 0.9;
  nn::CheckpointOptions checkpoints = {};  // the project file says how often, the caller where
  uint64_t seed = 1;
  static RankerTrainOptions FromConfig(const base::ConfigTable& ranking);
};

// `loss` and `validation` of its epochs are sums over objectives of loss_weight * mean loss, and
// tasks are objectives.
struct TrainedRanker : nn::TrainingReport {
  std::unique_ptr<Ranker> ranker;  // of the best epoch
};

// kFailedPrecondition when the training part has no impressions, kInvalidArgument for an unknown
// architecture, else as nn::RunTraining: kInternal when it diverges, kCancelled on request.
Result<TrainedRanker> TrainRanker(const examples::ReplaySource& source,
                                  const features::FeatureStatistics& tables,
                                  const RankerOptions& ranker_options,
                                  const std::vector<Objective>& objectives,
                                  const RankerTrainOptions& options, base::ThreadPool& pool,
                                  base::Progress& progress);

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_RANKER_TRAINER_H_
