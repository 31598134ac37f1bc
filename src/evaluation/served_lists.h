// The lists that a feed without a ranker shows held-out users: proposals of the generators that an
// order names, in that order, then those of the candidate model, as serving/engine.h makes them. What
// other generators add after these is not part of the lists.
//
//   const ListMaker maker(subject, served, feed_rule, cases, pool);
//   std::vector<Proposals> proposals = maker.Propose(inputs);
//   std::vector<uint32_t> list = maker.InOrder(proposals[0], order, inputs[0]);     best first
//
// Immutable: any number of threads. Subject and candidate scores outlive it. Only this room includes
// it.
#ifndef UPNEXT_EVALUATION_SERVED_LISTS_H_
#define UPNEXT_EVALUATION_SERVED_LISTS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "catalogue/catalogue.h"
#include "evaluation/case_ranks.h"
#include "evaluation/evaluate.h"
#include "evaluation/retrieval_models.h"
#include "examples/holdout.h"
#include "retrieval/co_watch.h"
#include "retrieval/feed_order.h"

namespace upnext::evaluation {

// By generator of an order, in the order of the registry: best first, without hidden items.
inline constexpr const char* kOrderGenerators[] = {"candidate-model", "co-watch", "recent"};
using Proposals = std::array<std::vector<uint32_t>, std::size(kOrderGenerators)>;

class ListMaker {
 public:
  ListMaker(const Subject& subject, const EvaluateOptions& options,
            std::span<const examples::HoldoutCase> cases, base::ThreadPool& pool);

  std::vector<Proposals> Propose(std::span<const CaseInput> inputs) const;
  // Lowered by what the user dislikes, as in a feed.
  std::vector<uint32_t> InOrder(const Proposals& proposals, const retrieval::FeedOrder& order,
                                const CaseInput& input) const;
  // Whether every generator of the order may propose something.
  bool CanServe(const retrieval::FeedOrder& order) const;

 private:
  const catalogue::Catalogue& catalogue_;
  const std::unique_ptr<const RetrievalModel> model_;
  const std::optional<float> low_rating_;
  std::array<uint32_t, std::size(kOrderGenerators)> budgets_{};
  const retrieval::CoWatch co_watch_;
};

// What `order` serves, as a row of the table. `maker` outlives it.
std::unique_ptr<RetrievalModel> ServedScores(const ListMaker& maker,
                                             const retrieval::FeedOrder& order,
                                             std::shared_ptr<const ItemOrder> items);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_SERVED_LISTS_H_
