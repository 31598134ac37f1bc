// The ranker's stage of a request: one prediction per objective of each candidate, and the score that
// the exponents make of them.
//
//   UPNEXT_ASSIGN_OR_RETURN(const auto exponents, ExponentsFor(parts, request, scenario));
//   Rank(parts, context, exponents, scratch, clock, &candidates, &counts);
//
// Where the time left is less than the ranker is known to need, it ranks the best by retrieval alone, or none if those
// would not fill the slate; where it fails, none. Candidates without predictions are in the order of retrieval.
//
// Any number of threads, each with a scratch of its own.
#ifndef UPNEXT_SERVING_RANK_H_
#define UPNEXT_SERVING_RANK_H_

#include <span>
#include <vector>

#include "base/status.h"
#include "serving/engine_parts.h"
#include "serving/pool.h"
#include "serving/request_context.h"
#include "serving/scenario.h"
#include "serving/slate.h"
#include "serving/stage_clock.h"

namespace upnext::serving {

// By objective: those of the request, else of the scenario, else of the bundle. kInvalidArgument for
// a score that no ranker could compute here.
Result<std::vector<float>> ExponentsFor(const EngineParts& parts, const Request& request,
                                        const Scenario& scenario);

// Of a bundle with a ranker. Sets predictions and scores of those that it ranks, and drops others, which it returns.
std::vector<PooledCandidate> Rank(const EngineParts& parts, const RequestContext& context,
                                  std::span<const float> exponents, EngineScratch& buffers,
                                  StageClock& clock, std::vector<PooledCandidate>* candidates,
                                  StageCounts* counts);

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_RANK_H_
