// One training step of the ranker: forward, the objectives' losses, backward through the
// architecture, updates of weights (Adam) and embedding tables (row-wise Adagrad).
//
//   RankerTrainer trainer(&ranker, options, pool);
//   trainer.Backward(batch, &losses);      // losses [objectives]; gradients are ready to be read
//   trainer.Apply();                       // one step, gradients are zero again
//
// One thread at a time; the ranker must outlive the trainer and not move. The batch must stay as it
// is between Backward and Apply. Same seed and number of threads: same bytes.
#ifndef UPNEXT_RANKING_RANKER_STEP_H_
#define UPNEXT_RANKING_RANKER_STEP_H_

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/rng.h"
#include "base/thread_pool.h"
#include "examples/streams.h"
#include "features/vocabulary.h"
#include "nn/losses.h"
#include "nn/optimizer.h"
#include "ranking/ranker.h"
#include "ranking/ranker_trainer.h"

namespace upnext::ranking {

class RankerTrainer {
 public:
  RankerTrainer(Ranker* ranker, const RankerTrainOptions& options, base::ThreadPool& pool);

  // Moves the heads' biases to the best constants for this batch, so that training does not begin
  // by learning averages.
  void StartFrom(const examples::RankingBatch& batch);

  // Adds the losses of the batch, one per objective, to `losses`, and leaves the gradients of the
  // sum over objectives of loss_weight * mean loss.
  void Backward(const examples::RankingBatch& batch, std::span<nn::LossValue> losses);
  // Steps weights and tables. Tables step from the batch of the last Backward.
  void Apply();

  // Losses of a batch without learning from it, in fp32 and without dropout, as serving scores;
  // added to `losses`.
  void Evaluate(const examples::RankingBatch& batch, std::span<nn::LossValue> losses);

  // What a step changes beside the ranker, to resume exactly: the optimisers' state by names, and
  // where dropout is drawn from.
  void AppendState(std::vector<nn::Parameter>& state);
  base::Rng& rng() { return dropout_; }

  // Both learning rates become this share of what the options say.
  void ScaleLearningRates(float share);

 private:
  void DropInputs(size_t rows);
  void AddTableGradients(const examples::RankingBatch& batch);
  // Adds each objective's loss over logits [n, objectives]; with `gradients` fills d_logits_.
  void Losses(const examples::RankingBatch& batch, const float* logits, bool gradients,
              std::span<nn::LossValue> losses);
  nn::RowwiseAdagrad& step_of(features::VocabularyId id) {
    return *table_steps_[static_cast<size_t>(id)];
  }

  Ranker& ranker_;
  const RankerTrainOptions options_;
  const nn::Compute compute_;  // of training
  nn::Adam adam_;
  std::array<std::unique_ptr<nn::RowwiseAdagrad>, features::kVocabularies> table_steps_;
  base::Rng dropout_;

  std::vector<float> query_input_, input_, d_input_, d_queries_, d_logits_, logits_;
  std::vector<float> keep_;  // what each input is multiplied by; empty without dropout
  std::vector<float> column_, d_column_;
  Targets targets_;
  Architecture::Scratch scratch_;
};

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_RANKER_STEP_H_
