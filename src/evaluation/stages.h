// The two parts of Evaluate. Only this room includes it.
#ifndef UPNEXT_EVALUATION_STAGES_H_
#define UPNEXT_EVALUATION_STAGES_H_

#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "evaluation/evaluate.h"

namespace upnext::evaluation {

// Remarks needed to interpret the metrics are added to `notes`, what decides to `deciding`. Both
// return kCancelled on request.

// subject.candidate is not null. When the part has no cases, users is 0 and nothing else is set.
Result<RetrievalReport> EvaluateRetrieval(const Subject& subject, const EvaluateOptions& options,
                                          base::ThreadPool& pool, base::Progress& progress,
                                          std::vector<std::string>* notes,
                                          std::vector<DecidingFigure>* deciding);
// subject.ranker is not null. When the part has no impressions, impressions is 0 and nothing else
// is set. kInternal when a prediction of the ranker is not finite.
Result<RankingReport> EvaluateRanking(const Subject& subject, const EvaluateOptions& options,
                                      base::ThreadPool& pool, base::Progress& progress,
                                      std::vector<std::string>* notes,
                                      std::vector<DecidingFigure>* deciding);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_STAGES_H_
