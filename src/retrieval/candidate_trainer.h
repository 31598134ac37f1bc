// One training step of the candidate model: forward, softmax loss, backward, update. The loop over
// epochs is in candidate_training.cc. Only this room includes it.
//
//   CandidateTrainer trainer(&model, options, vocabulary, pool);
//   while (stream.Next(options.batch, &batch)) loss += trainer.Step(batch);
//
// One thread, which the pool helps. Buffers are kept from step to step. The model must outlive the
// trainer and not move.
#ifndef UPNEXT_RETRIEVAL_CANDIDATE_TRAINER_H_
#define UPNEXT_RETRIEVAL_CANDIDATE_TRAINER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "examples/label_counts.h"
#include "examples/sampler.h"
#include "features/feature_block.h"
#include "kernels/gemm.h"
#include "nn/losses.h"
#include "nn/optimizer.h"
#include "nn/weight_average.h"
#include "retrieval/batch_softmax.h"
#include "retrieval/candidate_model.h"
#include "retrieval/candidate_training.h"
#include "retrieval/item_training.h"
#include "retrieval/teacher.h"
#include "retrieval/user_encoder.h"

namespace upnext::retrieval {

// Whether all rows of the softmax, of which there are `items` with row 0, are the classes of a step.
bool IsFullSoftmax(const CandidateTrainOptions& options, uint32_t items);

class CandidateTrainer {
 public:
  // `table_epsilon` is Adagrad's; tests set it so large that a step becomes plain descent. `items`
  // outlives the trainer; models with an item tower need content.
  CandidateTrainer(CandidateModel* model, const CandidateTrainOptions& options,
                   const features::Vocabulary& vocabulary, base::ThreadPool& pool,
                   float table_epsilon = 1e-8f, const ItemSources& items = {});

  // Gradients and update at once. Returns the loss before the update.
  nn::LossValue Step(const features::CandidateBatch& batch);

  // Gradients only: of the sampled softmax over freshly drawn negatives, or of the full softmax,
  // as the options say. The batch must stay as it is until Apply().
  nn::LossValue Gradients(const features::CandidateBatch& batch);
  nn::LossValue FullGradients(const features::CandidateBatch& batch);
  // Against these negatives, rows of the item table, as if the options' sampler had drawn them.
  nn::LossValue SampledGradients(const features::CandidateBatch& batch,
                                 std::span<const uint32_t> negatives);
  void Apply();

  bool full_softmax() const;
  // Loss per example of a batch of this size when all logits are 0.
  double GuessingLoss(size_t batch) const;
  std::vector<nn::DeadUnits*> ReluLayers() { return encoder_->ReluLayers(); }
  // The state of training apart from the model, to resume exactly: the optimisers' state by name, and
  // where negatives and dropout are drawn from.
  void AppendState(std::vector<nn::Parameter>& state);
  base::Rng& rng() { return rng_; }
  // Sets all learning rates to this share of the options' values.
  void ScaleLearningRates(float share);
  // After the state of a trainer of smaller tables was copied into the beginnings of this one's.
  void TakeUpGrowth() {
    if (label_counts_) label_counts_->AddUp();
  }
  nn::WeightAverage* average() {
    return average_ ? &*average_ : nullptr;
  }  // null without averaging

 private:
  // Everything up to the gradients of the logits and of the rows of tables.
  nn::LossValue RunBlocks(const features::CandidateBatch& batch, std::span<const uint32_t> classes,
                          bool full);
  nn::LossValue RunSampledOrFull(const features::CandidateBatch& batch);
  // Of each label in gBCE, next to this number of negatives.
  double PositiveWeight(size_t negatives) const;
  nn::LossValue RunFull(const features::CandidateBatch& batch);
  // Logs of the rows' expected counts among `drawn` negatives and, with in_batch, the `batch` labels.
  std::span<const float> Expected(std::span<const uint32_t> rows, size_t drawn, size_t batch,
                                  std::vector<float>& logs) const;
  void BeginSoftmax(const features::CandidateBatch& batch, std::span<const uint32_t> classes,
                    bool full, kernels::Precision precision, base::Tasks& tasks);
  // What is left once the blocks are done, as independent pieces of work: the products that make
  // the gradients of weights and classes, and the updates of the tables that need none of these.
  void AppendProducts(base::Tasks& tasks);
  void AppendEarlyUpdates(base::Tasks& tasks);
  void RunProducts();
  void ApplyLate();
  void AppendRowGradients(base::Tasks& tasks);
  // The gradients of items' vectors, when the last of them is there.
  void FinishItems();
  std::string TableState(size_t table) const;  // name in the optimisers' state
  std::string ItemsState() const;              // the same of the items' vectors
  std::vector<size_t> SlotsOfItems() const;    // features that read the items' vectors
  bool IsOfItems(size_t table) const { return model_.tied() && table == model_.item_table_; }
  // Of all tables, the items' among them.
  std::vector<nn::RowStep*> RowSteps();
  std::vector<nn::Parameter> AveragedParameters();

  CandidateModel& model_;
  CandidateTrainOptions options_;
  base::ThreadPool& pool_;
  examples::NegativeSampler sampler_;
  std::optional<examples::LabelCounts> label_counts_;  // with in_batch
  base::Rng rng_;

  std::unique_ptr<EncoderTraining> encoder_;
  std::unique_ptr<ItemTraining> items_;
  // As the model's tables; null for one that the items share.
  std::vector<std::unique_ptr<nn::RowStep>> table_steps_;
  nn::Adam tower_step_;
  std::optional<nn::WeightAverage> average_;
  // Steps that need no product of the whole batch: of all tables but the items'.
  std::vector<nn::RowStep*> early_steps_;

  // Of the step in progress.
  std::vector<uint32_t> negatives_,
      all_rows_;  // rows of the classes; all of them for the full softmax
  std::vector<float> label_expected_, class_expected_;  // logs
  std::optional<Teacher> teacher_;
  BatchSoftmax softmax_;
  std::vector<nn::LossValue> losses_;  // by the first example of a block / 32
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_CANDIDATE_TRAINER_H_
