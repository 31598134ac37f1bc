// The stages of a request before ranking: generators propose, filters leave out, the union is put in
// the order of retrieval.
//
//   std::vector<PooledCandidate> candidates = Propose(parts, context, nullptr, scratch, &counts);
//
// Any number of threads, each with a scratch of its own.
#ifndef UPNEXT_SERVING_PROPOSE_H_
#define UPNEXT_SERVING_PROPOSE_H_

#include <vector>

#include "serving/engine.h"
#include "serving/engine_parts.h"
#include "serving/pool.h"
#include "serving/request_context.h"
#include "serving/slate.h"

namespace upnext::serving {

// `found`: as Engine::Recommend.
std::vector<PooledCandidate> Propose(const EngineParts& parts, const RequestContext& context,
                                     const Found* found, EngineScratch& buffers,
                                     StageCounts* counts);

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_PROPOSE_H_
