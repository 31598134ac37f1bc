// The models of a retrieval table: the candidate model and its baselines, with one interface that
// scores every item for a user.
//
//   for (const auto& model : RetrievalModels(subject, with_baselines, cases, pool, progress))
//     UPNEXT_RETURN_IF_ERROR(model->Score(inputs, &scores));
//
// Score is const: any number of threads.
#ifndef UPNEXT_EVALUATION_RETRIEVAL_MODELS_H_
#define UPNEXT_EVALUATION_RETRIEVAL_MODELS_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "evaluation/case_ranks.h"
#include "evaluation/evaluate.h"
#include "examples/hidden_items.h"
#include "examples/holdout.h"
#include "features/request_context.h"
#include "features/user_state.h"

namespace upnext::evaluation {

// Input of a case: the user's state before it, its context, and the items that its list leaves out,
// ascending.
struct CaseInput {
  uint32_t user = 0;
  features::UserState state;
  features::Context context;
  std::vector<uint32_t> hidden;
};

// The user's state when the case's list is made, as serving keeps it.
inline features::UserState StateBefore(const Subject& subject,
                                       const examples::HoldoutCase& held_out) {
  return examples::StateAt(subject.source, held_out.user, held_out.end_row,
                           subject.tables.plan.state());
}

CaseInput InputOf(const Subject& subject, const examples::HoldoutCase& held_out,
                  const examples::HiddenItems& hidden);

// At most `keep` of the cases, or of what there is by case, spread evenly over them. The same choice in
// every run on the same cases, so that two bundles are compared on the same users.
template <typename T>
void KeepEvenly(size_t keep, std::vector<T>* of_cases) {
  const size_t all = of_cases->size();
  if (keep >= all) return;
  for (size_t i = 1; i < keep; ++i) std::swap((*of_cases)[i], (*of_cases)[i * all / keep]);
  of_cases->resize(keep);
}

// Places of the cases in order of their times.
std::vector<uint32_t> ByTime(std::span<const examples::HoldoutCase> cases);

class RetrievalModel {
 public:
  RetrievalModel(std::string name, std::shared_ptr<const ItemOrder> order)
      : name_(std::move(name)), order_(std::move(order)) {}
  virtual ~RetrievalModel() = default;
  // Before cases none of which is earlier: the next calls of Score are for them. Never at the same
  // time as Score.
  virtual void MoveTo(int64_t /*time_ms*/) {}
  // scores [inputs.size(), order().size()], kUnranked for empty positions. Inputs ascend by time. Fails as
  // a network of others does.
  virtual Status Score(std::span<const CaseInput> inputs, std::vector<float>* scores) const = 0;
  const std::string& name() const { return name_; }
  const ItemOrder& order() const { return *order_; }

 private:
  std::string name_;
  std::shared_ptr<const ItemOrder> order_;
};

// The candidate model's, of which there must be one.
std::unique_ptr<RetrievalModel> CandidateModelScores(const Subject& subject);
// First the candidate model, which must not be null; then, if requested, the baselines
// (retrieval_baselines.h).
std::vector<std::unique_ptr<RetrievalModel>> RetrievalModels(
    const Subject& subject, bool baselines, std::span<const examples::HoldoutCase> cases,
    base::ThreadPool& pool, base::Progress& progress);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_RETRIEVAL_MODELS_H_
