// Items like an item, pulled towards the order that a user would have them in.
//
//   const auto pulled = PullTowards(alike, for_user, /*pull=*/0.3, 20);
//
// Pure functions.
#ifndef UPNEXT_SERVING_SIMILAR_FOR_USER_H_
#define UPNEXT_SERVING_SIMILAR_FOR_USER_H_

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "serving/slate.h"

namespace upnext::serving {

// How many items alike are ordered, of which the best `n` are shown.
inline uint32_t AlikeToOrder(uint32_t n) {
  constexpr uint32_t kLeast = 100, kMost = 1000, kTimes = 3;
  return n > kMost ? n : std::min(kMost, std::max(kLeast, kTimes * n));
}

// The items that both lists have, by (1 - pull) * place in `alike` + pull * place in `for_user`, the
// first `n`. 0: the order of `alike`, 1: that of `for_user`.
std::vector<Recommendation> PullTowards(std::vector<Recommendation> alike,
                                        std::span<const Recommendation> for_user, double pull,
                                        uint32_t n);

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_SIMILAR_FOR_USER_H_
