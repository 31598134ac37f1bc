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

#include <cstdint>
#include <memory>
#include <optional>
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
#include "retrieval/candidate_state.h"

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
  // Both rise from 0 over the first warmup_epochs, and then stay, or fall to 0 over `epochs`: linearly,
  // or along half a period of a cosine.
  enum class Schedule : uint8_t { kConstant, kLinear, kCosine } rate_schedule = Schedule::kConstant;
  double warmup_epochs = 0;
  // Above 0: the model's weights are the averages of those after each step, those of n steps ago
  // weighted by average_decay^n (nn/weight_average.h). Needs tables in fp32.
  double average_decay = 0;
  // Above 0, the ensemble teaches a single model, which is the result: this is the weight of its
  // probabilities in the loss, next to the labels. Needs all items as classes.
  double distill = 0;
  const CandidateModel* teacher = nullptr;  // set by TrainCandidateModel
  float dropout = 0.0f;                     // of the embeddings in the tower's input
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
  // Keeps what a later training needs to continue (candidate_state.h).
  bool keep_state = false;
  // Trains exactly this many epochs of the schedule, without early stopping: a fit on data that
  // leaves none to validate on. 0: as validation says.
  uint32_t stop_after = 0;
  uint32_t teacher_stop_after = 0;  // the same, of the models that teach
  // Training stops when this share of the ReLU units of a layer is zero for all examples of an
  // epoch.
  double max_dead_units = 0.9;
  nn::CheckpointOptions checkpoints = {};  // interval from the project file, folder from the caller
  uint64_t seed = 1;
  static CandidateTrainOptions FromConfig(const base::ConfigTable& retrieval);
  // Keys that are not given have the values of `defaults`.
  static CandidateTrainOptions FromConfig(const base::ConfigTable& retrieval,
                                          const CandidateTrainOptions& defaults);
  // The share of the learning rates when `done` of `epochs` are behind, from 0 to 1.
  double RateShare(double done) const;
};

// `loss` of an epoch is the mean by the weights of examples, `validation` NDCG@10. Of an ensemble, the report is of the first model.
struct TrainedCandidate : nn::TrainingReport {
  std::unique_ptr<CandidateModel> model;  // of the best epoch
  // How many epochs validation chose, of an ensemble the mean: for a fit with stop_after and, of the models
  // that teach, teacher_stop_after.
  uint32_t chosen_epochs = 0, teacher_epochs = 0;
  std::optional<CandidateState> state;  // with keep_state
};

// What a training continues from (TR-02); without a model, it is a new one.
struct CandidateStart {
  CandidateModel* model = nullptr;
  const CandidateState* state = nullptr;
  int64_t seen_ms = INT64_MIN;  // only later labels are learned from
};

// With model_options.ensemble, its models one after another, each from a seed and with checkpoints of its
// own. From a `start`, weights and optimisers go on exactly as they were; `tables` must have grown from
// those of the start, and the options be the same apart from rates and epochs. If no label is later than
// what it has seen, the model stays as it is. kFailedPrecondition when there are no examples; otherwise as nn::RunTraining: kInternal when it
// diverges, kCancelled on request.
Result<TrainedCandidate> TrainCandidateModel(const examples::ReplaySource& source,
                                             const features::FeatureStatistics& tables,
                                             const CandidateModelOptions& model_options,
                                             const CandidateTrainOptions& options,
                                             base::ThreadPool& pool, base::Progress& progress,
                                             const CandidateStart& start = {});
// The checkpoints of the model `member` of an ensemble; of the first, `name` itself.
std::string CheckpointName(const std::string& name, uint32_t member);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_CANDIDATE_TRAINING_H_
