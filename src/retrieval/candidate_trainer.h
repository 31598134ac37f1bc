// Trains the candidate model: sampled softmax with logQ correction (or full softmax), row-wise
// Adagrad for the tables, Adam for the tower, early stop on the validation part.
//
//   UPNEXT_ASSIGN_OR_RETURN(TrainedCandidate trained,
//                           TrainCandidateModel(source, tables, model_options, options, pool,
//                           progress));
//
// One training at a time per pool. Same seed, data and number of threads: same bytes.
#ifndef UPNEXT_RETRIEVAL_CANDIDATE_TRAINER_H_
#define UPNEXT_RETRIEVAL_CANDIDATE_TRAINER_H_

#include <memory>

#include "base/progress.h"
#include "base/thread_pool.h"
#include "examples/replay.h"
#include "examples/sampler.h"
#include "examples/streams.h"
#include "features/feature_statistics.h"
#include "nn/training_loop.h"
#include "retrieval/candidate_model.h"

namespace upnext::retrieval {

// [retrieval] of the project file, beside the model's own keys.
struct CandidateTrainOptions {
  uint32_t batch = 256;
  uint32_t epochs = 30;   // at most
  uint32_t patience = 3;  // epochs without a better validation metric before stopping
  // Negatives shared by a batch; 0, or as many as there are items: full softmax. "Several thousand"
  // in the paper.
  uint32_t negatives = 2048;
  bool logq = true;  // correction of sampled logits; off only for ablation (CG-13)
  examples::SamplerOptions sampler;
  float table_learning_rate = 0.05f, tower_learning_rate = 1e-3f;
  float dropout = 0.0f;        // of the embeddings in the tower's input
  float bag_dropout = 0.0f;    // share of watches and tokens left out of each bag while training
  uint32_t max_per_user = 50;  // examples a user and epoch (CG-18)
  // Complete watches that a label needs before it. 0 also learns from first watches, which is what
  // teaches the model to serve new users (CG-22).
  uint32_t min_history = 0;
  examples::CandidateStreamOptions::Labels labels =
      examples::CandidateStreamOptions::Labels::kNextWatch;
  bool bf16 = true;                    // matrix products in bf16 where the machine is fast at it
  uint32_t validation_users = 10'000;  // at most, for early stopping
  // A share of a layer's ReLU units, silent for every example of an epoch, that stops training.
  double max_dead_units = 0.9;
  nn::CheckpointOptions checkpoints = {};  // the project file says how often, the caller where
  uint64_t seed = 1;
  static CandidateTrainOptions FromConfig(const base::ConfigTable& retrieval);
};

// `validation` of its epochs is NDCG@10.
struct TrainedCandidate : nn::TrainingReport {
  std::unique_ptr<CandidateModel> model;  // of the best epoch
};

// kFailedPrecondition when there is nothing to learn from, else as nn::RunTraining: kInternal when
// it diverges, kCancelled on request.
Result<TrainedCandidate> TrainCandidateModel(const examples::ReplaySource& source,
                                             const features::FeatureStatistics& tables,
                                             const CandidateModelOptions& model_options,
                                             const CandidateTrainOptions& options,
                                             base::ThreadPool& pool, base::Progress& progress);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_CANDIDATE_TRAINER_H_
