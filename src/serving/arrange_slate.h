// The places of a list: the best of the ranked candidates, and what the scenario of the request makes of them (arrange.h
// has the rules).
//
//   ArrangeSlate(context, bundle, seed, &candidates, &unplaced);
//
// Any number of threads.
#ifndef UPNEXT_SERVING_ARRANGE_SLATE_H_
#define UPNEXT_SERVING_ARRANGE_SLATE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "bundle/bundle.h"
#include "serving/pool.h"
#include "serving/request_context.h"

namespace upnext::serving {

// A candidate that gets no place, and why, in words for people.
struct Unplaced {
  uint32_t item;
  double score;
  std::string reason;
};

// Replaces the candidates, best first, by the places of the request, from the first page on, and sets their
// propensities. Items are alike as far as the vectors of the candidate model are; without one, or for an item that it
// does not know, they are unlike. `unplaced`, if it is not null, gets the others, best first.
void ArrangeSlate(const RequestContext& request, const bundle::Bundle& bundle, uint64_t seed,
                  std::vector<PooledCandidate>* candidates,
                  std::vector<Unplaced>* unplaced = nullptr);

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_ARRANGE_SLATE_H_
