// Trains the ranker on logged impressions: Adam for dense parts, row-wise Adagrad for embeddings,
// early stop on the validation part.
#ifndef UPNEXT_RANKING_RANKER_TRAINER_H_
#define UPNEXT_RANKING_RANKER_TRAINER_H_

#include <memory>
#include <vector>

#include "base/progress.h"
#include "base/thread_pool.h"
#include "examples/streams.h"
#include "ranking/ranker.h"

namespace upnext::ranking {

struct RankerTrainOptions {
  uint32_t batch = 512;
  uint32_t epochs = 20;  // at most
  uint32_t patience = 2;
  float table_learning_rate = 0.02f, learning_rate = 1e-3f;
  float dropout = 0.0f;  // of hidden inputs
  float weight_decay = 0.0f;
  bool bf16 = true;
  uint64_t seed = 1;
  static RankerTrainOptions FromConfig(const base::ConfigTable& ranking);
};

struct RankerEpoch {
  uint32_t epoch;
  double loss, validation_loss;  // weighted sums over objectives; NaN when there is no validation
  std::vector<double> task_loss, task_validation;  // by objective
  double seconds, examples_per_s, dead_units;
};
struct TrainedRanker {
  std::unique_ptr<Ranker> ranker;  // of the best epoch
  std::vector<RankerEpoch> epochs;
  uint32_t best_epoch = 0;
};

Result<TrainedRanker> TrainRanker(const examples::ReplaySource& source,
                                  const features::FeatureTables& tables,
                                  const RankerOptions& ranker_options,
                                  const std::vector<Objective>& objectives,
                                  const RankerTrainOptions& options, base::ThreadPool& pool,
                                  base::Progress& progress);

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_RANKER_TRAINER_H_
