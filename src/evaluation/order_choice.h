// Chooses the order of feeds without a ranker (retrieval/feed_order.h) on the validation part.
//
//   UPNEXT_ASSIGN_OR_RETURN(const OrderChoice choice,
//                           ChooseOrder(subject, options, OrdersOf(rule), pool, progress));
//
// One at a time per pool. Same figures whatever the number of threads.
#ifndef UPNEXT_EVALUATION_ORDER_CHOICE_H_
#define UPNEXT_EVALUATION_ORDER_CHOICE_H_

#include <cstdint>
#include <span>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "evaluation/evaluate.h"
#include "evaluation/report.h"
#include "retrieval/feed_order.h"

namespace upnext::evaluation {

// Cases that orders are compared on, at most, spread evenly over those of the part.
inline constexpr uint32_t kOrderUsers = 5000;

// Chooses the order of the largest ndcg@10 where any is better than the first one for certain: the
// 95 % interval of the difference, paired by user, is above 0. Otherwise the first,
// also when there are fewer than kFewestUsers cases. Orders whose generator is off ([generators.X]
// candidates = 0) are not tried. `options.part` is not read: the part is validation.
Result<OrderChoice> ChooseOrder(const Subject& subject, const EvaluateOptions& options,
                                std::span<const retrieval::FeedOrder> orders,
                                base::ThreadPool& pool, base::Progress& progress);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_ORDER_CHOICE_H_
