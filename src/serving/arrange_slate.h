// What the scenario of a request makes of its ranked candidates (arrange.h has the rules).
//
//   ArrangeSlate(context, bundle, seed, &candidates);
//
// Any number of threads.
#ifndef UPNEXT_SERVING_ARRANGE_SLATE_H_
#define UPNEXT_SERVING_ARRANGE_SLATE_H_

#include <cstdint>
#include <vector>

#include "bundle/bundle.h"
#include "serving/pool.h"
#include "serving/request_context.h"

namespace upnext::serving {

// Replaces the candidates, best first, by the places of the request, and sets their propensities. Items are alike as far
// as the vectors of the candidate model are; without one, or for an item that it does not know, they are unlike.
void ArrangeSlate(const RequestContext& request, const bundle::Bundle& bundle, uint64_t seed,
                  std::vector<PooledCandidate>* candidates);

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_ARRANGE_SLATE_H_
