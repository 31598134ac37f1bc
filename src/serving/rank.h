// The ranker's stage of a request: one prediction per objective of each candidate, and the score that
// the exponents make of them.
//
//   UPNEXT_ASSIGN_OR_RETURN(const auto exponents, ExponentsFor(parts, request, scenario));
//   Rank(parts, context, exponents, scratch, &candidates, &counts);
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

namespace upnext::serving {

// By objective: those of the request, else of the scenario, else of the bundle. kInvalidArgument for
// a score that no ranker could compute here.
Result<std::vector<float>> ExponentsFor(const EngineParts& parts, const Request& request,
                                        const Scenario& scenario);

// Of a bundle with a ranker. Sets predictions and scores.
void Rank(const EngineParts& parts, const RequestContext& context, std::span<const float> exponents,
          EngineScratch& buffers, std::vector<PooledCandidate>* candidates, StageCounts* counts);

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_RANK_H_
