// Popularity in which a complete watch of the training part counts half as much every half-life
// before the newest one.
//
//   const std::vector<ScoredItem> counts = DecayedCounts(source, half_life_ms);       best first
//
// A function without state: any number of threads.
#ifndef UPNEXT_RETRIEVAL_DECAYED_COUNTS_H_
#define UPNEXT_RETRIEVAL_DECAYED_COUNTS_H_

#include <vector>

#include "examples/replay.h"
#include "retrieval/scored_items.h"

namespace upnext::retrieval {

// By item: the sum of 2^-(age / half-life) over its watches, at the time of the newest of all.
std::vector<ScoredItem> DecayedCounts(const examples::ReplaySource& source, double half_life_ms);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_DECAYED_COUNTS_H_
