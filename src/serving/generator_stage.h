// Asks the generators of a request: those without a time of their own here, the others next to this
// thread.
//
//   AskGenerators(parts, request, nullptr, pool, clock, &asked);
//   asked[g].candidates      of generator g, best first; empty where it was not asked, was late or failed
//
// Any number of threads, each with buffers of its own.
#ifndef UPNEXT_SERVING_GENERATOR_STAGE_H_
#define UPNEXT_SERVING_GENERATOR_STAGE_H_

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "retrieval/generator.h"
#include "serving/engine.h"
#include "serving/engine_parts.h"
#include "serving/owned_request.h"
#include "serving/pool.h"
#include "serving/stage_clock.h"

namespace upnext::serving {

// Appends what the generator proposes. Returns why it failed, "" when it did not: a network of others may,
// libraries throw, and memory may be short. Then `out` is empty.
std::string ProposeOrSay(const retrieval::Generator& generator,
                         const retrieval::ProposeRequest& request, size_t wanted,
                         const retrieval::ItemFilter& filter,
                         std::vector<retrieval::Candidate>* out);

// `asked` [generators] is a buffer. What filters leave out is counted by the pool, to which no candidates are added.
void AskGenerators(const EngineParts& parts, const std::shared_ptr<const OwnedRequest>& request,
                   const Found* found, CandidatePool& pool, StageClock& clock,
                   std::vector<Asked>* asked);

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_GENERATOR_STAGE_H_
