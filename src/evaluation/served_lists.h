// The lists that a feed without a ranker shows held-out users: proposals of the generators that an
// order names, in that order, then those of the candidate model, with the places for what is chosen
// now and the model does not know (retrieval/live_slots.h), as serving/engine.h makes them. What other
// generators add after these is not part of the lists. Those with a ranker: ranked_feed.h.
//
//   ListMaker maker(subject, options, orders, cases, pool);
//   maker.MoveTo(time of the first input);                       cases are taken in order of time
//   UPNEXT_ASSIGN_OR_RETURN(const std::vector<Proposals> proposals, maker.Propose(inputs));
//   std::vector<uint32_t> list = maker.InOrder(proposals[0], order, inputs[0]);     best first
//
// Between two calls of MoveTo any number of threads. The subject outlives it. Only this room includes
// it.
#ifndef UPNEXT_EVALUATION_SERVED_LISTS_H_
#define UPNEXT_EVALUATION_SERVED_LISTS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/status.h"
#include "base/thread_pool.h"
#include "catalogue/catalogue.h"
#include "evaluation/case_ranks.h"
#include "evaluation/evaluate.h"
#include "evaluation/retrieval_models.h"
#include "examples/holdout.h"
#include "features/trend_counts.h"
#include "features/vocabulary.h"
#include "retrieval/co_watch.h"
#include "retrieval/feed_order.h"
#include "retrieval/live_slots.h"
#include "retrieval/trend_replay.h"
#include "retrieval/user_item_model.h"

namespace upnext::evaluation {

// Generators of an order, in the order of the registry.
inline constexpr const char* kOrderGenerators[] = {"candidate-model", "co-watch", "recent",
                                                   "trending"};
// By generator, best first, without hidden items; "trending" once for each half-life of the orders.
using Proposals = std::vector<std::vector<uint32_t>>;

class ListMaker {
 public:
  ListMaker(const Subject& subject, const EvaluateOptions& options,
            std::span<const retrieval::FeedOrder> orders,
            std::span<const examples::HoldoutCase> cases, base::ThreadPool& pool);

  // Before inputs none of which is earlier.
  void MoveTo(int64_t time_ms);
  // Inputs ascend by time. Fails as the model does.
  Result<std::vector<Proposals>> Propose(std::span<const CaseInput> inputs) const;
  // Lowered by what the user dislikes, as in a feed.
  std::vector<uint32_t> InOrder(const Proposals& proposals, const retrieval::FeedOrder& order,
                                const CaseInput& input) const;
  // Whether lists of the order have places for items that the model does not know.
  bool HasLiveSlots(const retrieval::FeedOrder& order) const;
  // `order` is one of the constructor's. Whether every generator of the order may propose something.
  bool CanServe(const retrieval::FeedOrder& order) const;

 private:
  // What is chosen most at the moment, by the events of all users before it.
  struct Trend {
    double half_life_hours;
    retrieval::TrendReplay replay;
  };
  double HalfLifeOf(const retrieval::FeedOrder& order) const;
  // By worth, best first, of one worth in the order of first mention.
  struct Entry {
    uint32_t item;
    double worth = 0;
    size_t live_place = retrieval::kNoLivePlace;
  };
  std::vector<Entry> Combine(const Proposals& proposals, const retrieval::FeedOrder& order) const;
  std::vector<uint32_t> TrendOf(const retrieval::TrendReplay& replay, const CaseInput& input) const;

  const catalogue::Catalogue& catalogue_;
  const features::Vocabulary& known_;
  const retrieval::UserItemModel& candidate_;
  const features::LiveOptions live_;
  const std::unique_ptr<const RetrievalModel> model_;
  const std::optional<float> low_rating_;
  std::array<uint32_t, std::size(kOrderGenerators)> budgets_{};
  const retrieval::CoWatch co_watch_;
  std::vector<Trend> trends_;
};

// What `order` serves, as a row of the table. `maker` outlives it.
std::unique_ptr<RetrievalModel> ServedScores(ListMaker& maker, const retrieval::FeedOrder& order,
                                             std::shared_ptr<const ItemOrder> items);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_SERVED_LISTS_H_
