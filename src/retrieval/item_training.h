// The item side of a training step: which vectors a batch is scored against, and where their
// gradients go. Only candidate_trainer.cc includes it.
//
//   auto items = MakeItemTraining(args);
//   items->Begin(batch, classes, rng);             // before anything reads the vectors
//   items->step().AddRows(classes, gradients, dim);
//   items->Finish();                               // after the last gradient; fills those of the map
//   items->AppendStep(tasks); RunAll(tasks, pool); items->Clear();
//
// One thread, which the pool helps.
#ifndef UPNEXT_RETRIEVAL_ITEM_TRAINING_H_
#define UPNEXT_RETRIEVAL_ITEM_TRAINING_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/thread_pool.h"
#include "features/feature_block.h"
#include "nn/embedding_table.h"
#include "nn/optimizer.h"
#include "nn/parameter.h"
#include "retrieval/item_tower.h"

namespace upnext::retrieval {

// What a training knows of items beside its examples.
struct ItemSources {
  const features::FeatureBlock* content = nullptr;  // of all rows, for the tower
  std::span<const uint32_t> given = {};  // own rows that began at a given vector (given_vectors.h)
};

class ItemTraining {
 public:
  virtual ~ItemTraining() = default;
  // Makes the vectors of `classes`, and of the labels and items of the batch, what this step reads.
  virtual void Begin(const features::CandidateBatch& batch, std::span<const uint32_t> classes,
                     base::Rng& rng) = 0;
  // Collects the gradients of the vectors.
  virtual nn::RowStep& step() = 0;
  virtual void Finish() = 0;
  virtual void AppendStep(base::Tasks& tasks) = 0;
  virtual void Clear() = 0;  // after these tasks
  virtual void AppendState(std::vector<nn::Parameter>& state) = 0;
  virtual std::vector<nn::RowStep*> RowSteps() = 0;  // those that change tables
};

// What is referred to outlives the training and does not move.
struct ItemTrainingArgs {
  nn::EmbeddingTable* vectors = nullptr;
  std::string name = {};          // of the vectors in the optimisers' state
  ItemTower* tower = nullptr;     // null: the vectors themselves are trained
  std::vector<size_t> read = {};  // features of the user that read the vectors
  ItemSources sources = {};
  double id_dropout = 0;
  float given_rate = 1;  // of the steps of others: the share that given rows move
  std::function<std::unique_ptr<nn::RowStep>(nn::EmbeddingTable*)> make_step = {};
  base::ThreadPool* pool = nullptr;
};
std::unique_ptr<ItemTraining> MakeItemTraining(const ItemTrainingArgs& args);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_ITEM_TRAINING_H_
