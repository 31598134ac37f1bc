// What a ranker can choose from: the share of a held-out user's targets that each generator
// proposes, and that all of them propose together, with as many candidates as when serving.
//
//   UPNEXT_ASSIGN_OR_RETURN(const std::vector<ModelMetrics> reach,
//                           MeasureReach(subject, options, pool, progress));
//   reach.back().metrics.at("recall").value                        of all generators together
//
// One at a time per pool. Same figures whatever the number of threads.
#ifndef UPNEXT_EVALUATION_REACH_H_
#define UPNEXT_EVALUATION_REACH_H_

#include <vector>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "evaluation/evaluate.h"
#include "evaluation/report.h"

namespace upnext::evaluation {

inline constexpr char kAllGenerators[] = "all together";

// Rows of the generators that propose something, in their order, then kAllGenerators: "recall", the
// mean over users of the share of targets, and "candidates", their mean number. Of at most kOrderUsers
// users of options.part, spread evenly over them. The generators learn from the training part, in
// files of options.reach.scratch, which is made and removed; the vectors of items are searched
// exactly. subject.candidate is not null. Empty when the part has no cases.
Result<std::vector<ModelMetrics>> MeasureReach(const Subject& subject,
                                               const EvaluateOptions& options,
                                               base::ThreadPool& pool, base::Progress& progress);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_REACH_H_
