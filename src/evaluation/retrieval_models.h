// What a retrieval table compares: the candidate model and the counts that it must beat, all behind
// one interface that scores every item for a user.
//
//   for (const auto& model : RetrievalModels(subject, with_baselines, cases, pool, progress))
//     model->Score(inputs, &scores);
//
// Score is const: any number of threads. Only this room includes it.
#ifndef UPNEXT_EVALUATION_RETRIEVAL_MODELS_H_
#define UPNEXT_EVALUATION_RETRIEVAL_MODELS_H_

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/thread_pool.h"
#include "evaluation/case_ranks.h"
#include "evaluation/evaluate.h"
#include "examples/holdout.h"
#include "features/extract.h"
#include "features/user_state.h"

namespace upnext::evaluation {

// What is known of a case: the user before it, and its circumstances.
struct CaseInput {
  uint32_t user = 0;
  features::UserState state{features::UserState::Parts::kBags};
  features::Context context;
};

// The user's state when the case's list is made, as far as retrieval reads it.
inline features::UserState StateBefore(const examples::ReplaySource& source,
                                       const examples::HoldoutCase& held_out) {
  return examples::StateAt(source, held_out.user, held_out.end_row,
                           features::UserState::Parts::kBags);
}

class RetrievalModel {
 public:
  RetrievalModel(std::string name, std::shared_ptr<const ItemOrder> order)
      : name_(std::move(name)), order_(std::move(order)) {}
  virtual ~RetrievalModel() = default;
  // scores [inputs.size(), order().size()], kUnranked where no item stands.
  virtual void Score(std::span<const CaseInput> inputs, std::vector<float>* scores) const = 0;
  const std::string& name() const { return name_; }
  const ItemOrder& order() const { return *order_; }

 private:
  std::string name_;
  std::shared_ptr<const ItemOrder> order_;
};

// The candidate model first, which must not be null. Then, if asked for, learned from the training
// part: "popularity" (complete watches), "markov" (how often an item directly followed the user's
// last complete watch), "item-knn" (co-watch similarity summed over the newest kBagLimit watches).
// Neighbours are learned of what the cases' users watched alone: those of all items can take as
// much memory as the model that is judged.
std::vector<std::unique_ptr<RetrievalModel>> RetrievalModels(
    const Subject& subject, bool baselines, std::span<const examples::HoldoutCase> cases,
    base::ThreadPool& pool, base::Progress& progress);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_RETRIEVAL_MODELS_H_
