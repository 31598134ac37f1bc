// Places of a feed without a ranker that are kept for items which are chosen most now and which the
// models do not know: no score says where they belong, and behind all that have one nobody sees them.
//
//   places[i] = knows(candidates[i]) ? kNoLivePlace : place in the list of trending;
//   for (const size_t i : WithLiveSlots(places, /*every=*/5)) feed.push_back(candidates[i]);
//
// A pure function: any number of threads.
#ifndef UPNEXT_RETRIEVAL_LIVE_SLOTS_H_
#define UPNEXT_RETRIEVAL_LIVE_SLOTS_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace upnext::retrieval {

inline constexpr size_t kNoLivePlace = std::numeric_limits<size_t>::max();

// The order of candidates that are given best first, as their numbers: every `every`-th place has the
// next of those with a live place, smaller places first, as long as there are any; all others stay as
// they are. `every` is at least 1.
std::vector<size_t> WithLiveSlots(std::span<const size_t> live_places, uint32_t every);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_LIVE_SLOTS_H_
