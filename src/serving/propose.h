// The stages of a request before ranking: generators propose, filters leave out, the union is put in
// the order of retrieval.
//
//   Proposals proposals = Propose(parts, request, nullptr, scratch, clock, &counts);
//
// Generators run one after the other in the thread of the request. Those that have a time of their own
// run next to it (side_runner.h); one that is late is left behind. Candidates of one that is late or
// fails are absent.
//
// Any number of threads, each with a scratch of its own.
#ifndef UPNEXT_SERVING_PROPOSE_H_
#define UPNEXT_SERVING_PROPOSE_H_

#include <memory>
#include <vector>

#include "serving/engine.h"
#include "serving/engine_parts.h"
#include "serving/owned_request.h"
#include "serving/pool.h"
#include "serving/slate.h"
#include "serving/stage_clock.h"

namespace upnext::serving {

struct Proposals {
  std::vector<PooledCandidate> candidates;  // in the order of retrieval
  std::vector<LeftOut> left_out;            // by filters; of explained requests alone
  std::vector<GeneratorTime> generators;
};

// `found`: as Engine::Recommend.
Proposals Propose(const EngineParts& parts, const std::shared_ptr<const OwnedRequest>& request,
                  const Found* found, EngineScratch& buffers, StageClock& clock,
                  StageCounts* counts);

// Gives each its score, and puts them in the order of the bundle's generators. Where the bundle has no
// order of its own, they stay as they were proposed.
void OrderOfRetrieval(const EngineParts& parts, std::vector<PooledCandidate>* candidates);

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_PROPOSE_H_
