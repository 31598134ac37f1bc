// The two halves of Evaluate. Only this room includes it.
#ifndef UPNEXT_EVALUATION_STAGES_H_
#define UPNEXT_EVALUATION_STAGES_H_

#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "evaluation/evaluate.h"

namespace upnext::evaluation {

// What a reader must know of the figures is added to `notes`. Both end with kCancelled on request.

// subject.candidate is not null. users is 0, and nothing else is set, when the part holds no cases.
Result<RetrievalReport> EvaluateRetrieval(const Subject& subject, const EvaluateOptions& options,
                                          base::ThreadPool& pool, base::Progress& progress,
                                          std::vector<std::string>* notes);
// subject.ranker is not null. impressions is 0, and nothing else is set, when the part holds none.
// kInternal when the ranker gives a number that is not finite.
Result<RankingReport> EvaluateRanking(const Subject& subject, const EvaluateOptions& options,
                                      base::ThreadPool& pool, base::Progress& progress,
                                      std::vector<std::string>* notes);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_STAGES_H_
