// Popularity within a window of time before the moment of each case: what a live counter knows when
// the list is made.
//
//   AddWindowPopularity(source, cases, order, pool, &models);            of 7 days, of a day, of six hours
//
// Only this room includes it.
#ifndef UPNEXT_EVALUATION_WINDOW_POPULARITY_H_
#define UPNEXT_EVALUATION_WINDOW_POPULARITY_H_

#include <memory>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "evaluation/case_ranks.h"
#include "evaluation/retrieval_models.h"
#include "examples/holdout.h"
#include "examples/replay.h"

namespace upnext::evaluation {

// Complete watches of all users, of whatever part, from `window` before the case's time_ms up to but
// without that time. Cost: a pass over the log, and for every 32 cases one over the events of the
// 1,024 cases that they are among.
void AddWindowPopularity(const examples::ReplaySource& source,
                         std::span<const examples::HoldoutCase> cases,
                         std::shared_ptr<const ItemOrder> order, base::ThreadPool& pool,
                         std::vector<std::unique_ptr<RetrievalModel>>* models);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_WINDOW_POPULARITY_H_
