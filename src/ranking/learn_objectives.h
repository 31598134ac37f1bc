// What objectives learn from the labels of the training part before the ranker is trained: the
// quantiles of `loss = "quantile"` and the thresholds of `loss = "ordinal"`.
//
//   UPNEXT_ASSIGN_OR_RETURN(objectives, LearnObjectives(source, objectives, pool));
//
// The result does not depend on the number of threads.
#ifndef UPNEXT_RANKING_LEARN_OBJECTIVES_H_
#define UPNEXT_RANKING_LEARN_OBJECTIVES_H_

#include <vector>

#include "base/status.h"
#include "base/thread_pool.h"
#include "examples/replay.h"
#include "ranking/objectives.h"

namespace upnext::ranking {

// A bucket by duration has at least this many impressions; there are fewer buckets than the option
// says in a small log.
inline constexpr size_t kLeastInBucket = 100;
// Impressions of the training part that are looked at, about; all, when there are fewer.
inline constexpr size_t kLabelSample = 2'000'000;

// Those of the objectives that learn, with what they learned; the others as they are.
// kFailedPrecondition when all their labels are the same, or there are none.
Result<std::vector<Objective>> LearnObjectives(const examples::ReplaySource& source,
                                               std::vector<Objective> objectives,
                                               base::ThreadPool& pool);

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_LEARN_OBJECTIVES_H_
