// One training step of the ranker: forward pass, losses of the objectives, backward pass, updates
// of weights (Adam) and embedding tables (row-wise Adagrad).
//
//   RankerTrainer trainer(&ranker, options, pool);
//   trainer.Backward(batch, &losses);      // losses [objectives]; computes the gradients
//   trainer.Apply();                       // one step; clears the gradients
//
// One thread at a time. The ranker must outlive the trainer and not move; the batch must stay
// unchanged between Backward and Apply. Same seed and number of threads: same bytes.
#ifndef UPNEXT_RANKING_RANKER_TRAINER_H_
#define UPNEXT_RANKING_RANKER_TRAINER_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "base/thread_pool.h"
#include "examples/ranking_stream.h"
#include "features/vocabulary.h"
#include "nn/losses.h"
#include "nn/optimizer.h"
#include "ranking/ranker.h"
#include "ranking/ranker_training.h"

namespace upnext::ranking {

// Seconds spent in the parts of all steps so far.
struct StepTimes {
  double inputs = 0;  // rows of tables and numbers, side by side
  double forward = 0, losses = 0, backward = 0;
  double weights = 0, tables = 0;  // their updates
};

// Of the file of its state.
inline constexpr std::string_view kRankerStateKind = "ranker-state";
inline constexpr uint32_t kRankerStateVersion = 1;

class RankerTrainer {
 public:
  RankerTrainer(Ranker* ranker, const RankerTrainOptions& options, base::ThreadPool& pool);

  // Sets the heads' biases to the best constants for this batch, so that training need not learn
  // averages first, and those of the first hidden layer so that its units are active for a part of
  // the batch (TR-05).
  void StartFrom(const examples::RankingBatch& batch);

  // Adds the losses of the batch, one per objective, to `losses`, and computes the gradients of the
  // sum over objectives of loss_weight * mean loss.
  void Backward(const examples::RankingBatch& batch, std::span<nn::LossValue> losses);
  // Updates weights and tables. The gradients of tables come from the batch of the last Backward.
  void Apply();

  // Adds the losses of a batch to `losses` without training on it, in fp32 and without dropout, as
  // when serving.
  void Evaluate(const examples::RankingBatch& batch, std::span<nn::LossValue> losses);

  // The state of training apart from the ranker, to resume exactly: the optimisers' state by name,
  // and the random state of dropout.
  void AppendState(std::vector<nn::Parameter>& state);
  base::Rng& rng() { return dropout_; }
  // Takes that state from the trainer of a ranker from which this one's grew (Ranker::Grow).
  void ContinueFrom(RankerTrainer& old);
  // The same state as a section file of kind "ranker-state" (docs/formats/ranker.md), bound to the
  // statistics of its ranker. Load: kFailedPrecondition or kNotFound when it is of another ranker,
  // kDataLoss when it is damaged.
  Status SaveState(const std::filesystem::path& path, uint64_t features_digest);
  Status LoadState(const std::filesystem::path& path, uint64_t features_digest);

  const PositionBiasTrainer& bias() const { return bias_; }
  const StepTimes& times() const { return times_; }

  // Sets all learning rates to this share of the options' values.
  void ScaleLearningRates(float share);

 private:
  // One side of the ranker's input, with what dropout leaves of it.
  struct SideInput {
    std::vector<float> values, gradient;
    std::vector<float> keep;  // factor of each value; empty without dropout
  };
  void BuildSide(const Ranker::SideLayout& layout, const features::FeatureBlock& block,
                 const features::Bags* cells, SideInput* side);
  // As when serving; in fp32.
  NetInput ServedInput(const examples::RankingBatch& batch);
  void AddTableGradients(const Ranker::SideLayout& layout, const features::FeatureBlock& block,
                         SideInput& side);
  // The columns of attention, with what dropout leaves of them, and their gradients.
  void Attend(const examples::RankingBatch& batch);
  void AttendBackward(const examples::RankingBatch& batch);
  void KeepAttended(size_t a, float* rows) const;
  // Adds each objective's loss over logits [n, outputs of all]; with `gradients` fills d_logits_.
  void Losses(const examples::RankingBatch& batch, const float* logits, bool gradients,
              std::span<nn::LossValue> losses);

  Ranker& ranker_;
  const RankerTrainOptions options_;
  const nn::Compute compute_, exact_;  // of training; in fp32
  nn::Adam adam_;
  std::vector<std::unique_ptr<nn::RowwiseAdagrad>> table_steps_;  // as the ranker's tables
  PositionBiasTrainer bias_;
  base::Rng dropout_;

  StepTimes times_;
  SideInput queries_, impressions_;
  std::vector<Attention::Work> attention_work_;  // of Evaluate
  features::Bags cells_;                         // of the position bias, as when serving
  std::vector<float> d_logits_, logits_;
  std::vector<float> column_, d_column_;
  Targets targets_;
  const std::unique_ptr<ArchitectureScratch> scratch_;  // of Evaluate
};

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_RANKER_TRAINER_H_
