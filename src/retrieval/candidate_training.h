// Trains the candidate model: full or sampled softmax with logQ correction, or a baseline in its
// place, row-wise Adagrad for the tables, Adam for the tower, early stopping on the validation part.
//
//   UPNEXT_ASSIGN_OR_RETURN(
//       TrainedCandidate trained,
//       TrainCandidateModel(source, tables, model_options, options, pool, progress));
//
// One training at a time per pool. Same seed, data and number of threads: same bytes.
#ifndef UPNEXT_RETRIEVAL_CANDIDATE_TRAINING_H_
#define UPNEXT_RETRIEVAL_CANDIDATE_TRAINING_H_

#include <memory>
#include <string>

#include "base/progress.h"
#include "base/thread_pool.h"
#include "examples/candidate_stream.h"
#include "examples/replay.h"
#include "examples/sampler.h"
#include "features/feature_statistics.h"
#include "features/feed_rule.h"
#include "nn/training_loop.h"
#include "retrieval/candidate_model.h"

namespace upnext::retrieval {

// Keys of [retrieval] in the project file, in addition to the model's own.
struct CandidateTrainOptions {
  uint32_t batch = 256;
  uint32_t epochs = 30;   // at most
  uint32_t patience = 3;  // epochs without a better validation metric before stopping
  // Negatives drawn for a batch and shared by it. 0 without in_batch, or at least the number of items:
  // full softmax. "Several thousand" in the paper.
  uint32_t negatives = 2048;
  examples::SamplerOptions sampler;
  bool in_batch = false;  // the labels of the batch are negatives too, or alone (negatives = 0)
  // kSoftmax corrects the logits of label and negatives (decision 0057); kRefined those of negatives
  // alone, since the label is not sampled (arXiv 2507.09331): the gradient of the full softmax in
  // expectation, as negatives grow. kGbce: nn::NegativeSamplingLoss, a baseline.
  enum class Loss : uint8_t { kSoftmax, kRefined, kGbce } loss = Loss::kSoftmax;
  double calibration = 0.75;  // t of gBCE; 0: plain negative sampling
  double logq = 1;            // strength of the correction; below 1 only for ablation (CG-13)
  // Row-wise Adagrad; or Adam, which suits a softmax over all items and needs tables in fp32.
  enum class TableOptimiser : uint8_t {
    kAdagrad,
    kAdam
  } table_optimiser = TableOptimiser::kAdagrad;
  float table_learning_rate = 0.05f, tower_learning_rate = 1e-3f;
  float dropout = 0.0f;      // of the embeddings in the tower's input
  float bag_dropout = 0.0f;  // share of watches and tokens dropped from each bag in training
  // Of items = "content": how often a step reads an item without its own row (CG-24).
  float id_dropout = 0.1f;
  // An attribute of items with vectors at which their own rows start (CG-23); "": none. Steps move
  // these rows a share of the way: 0 keeps them, 1 trains them as others.
  std::string pretrained;
  float pretrained_rate = 1.0f;
  uint32_t max_per_user = 50;  // examples per user and epoch (CG-18)
  // Complete watches required before a label. 0 includes first watches, which train the model for
  // new users (CG-22).
  uint32_t min_history = 0;
  examples::CandidateStreamOptions::Labels labels =
      examples::CandidateStreamOptions::Labels::kNextWatch;
  bool bf16 = true;                    // matrix products in bf16 where that is fast
  uint32_t validation_users = 10'000;  // at most, for early stopping
  features::FeedRule feed = {};        // what validation leaves out of lists: [serving]
  double user_share = 1;               // of the users that train; not in the project file
  // Trains exactly this many epochs of the schedule, without early stopping: a fit on data that
  // leaves none to validate on. 0: as validation says.
  uint32_t stop_after = 0;
  // Training stops when this share of the ReLU units of a layer is zero for all examples of an
  // epoch.
  double max_dead_units = 0.9;
  nn::CheckpointOptions checkpoints = {};  // interval from the project file, folder from the caller
  uint64_t seed = 1;
  static CandidateTrainOptions FromConfig(const base::ConfigTable& retrieval);
  // Keys that are not given have the values of `defaults`.
  static CandidateTrainOptions FromConfig(const base::ConfigTable& retrieval,
                                          const CandidateTrainOptions& defaults);
};

// `validation` of an epoch is NDCG@10.
struct TrainedCandidate : nn::TrainingReport {
  std::unique_ptr<CandidateModel> model;  // of the best epoch
};

// kFailedPrecondition when there are no examples; otherwise as nn::RunTraining: kInternal when it
// diverges, kCancelled on request.
Result<TrainedCandidate> TrainCandidateModel(const examples::ReplaySource& source,
                                             const features::FeatureStatistics& tables,
                                             const CandidateModelOptions& model_options,
                                             const CandidateTrainOptions& options,
                                             base::ThreadPool& pool, base::Progress& progress);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_CANDIDATE_TRAINING_H_
