// What an explained slate says beside its items: exponents, position bias, and what is not shown and why.
//
//   if (request.explain) Explain(parts, context, facts, &slate);
//
// Any number of threads.
#ifndef UPNEXT_SERVING_EXPLAIN_H_
#define UPNEXT_SERVING_EXPLAIN_H_

#include <span>

#include "features/feature_block.h"
#include "serving/arrange_slate.h"
#include "serving/engine_parts.h"
#include "serving/pool.h"
#include "serving/slate.h"

namespace upnext::serving {

inline constexpr size_t kMostDropped = 100;  // of which a slate tells

// What the stages of a request leave for its explanation. Views.
struct ExplainFacts {
  std::span<const float> exponents;             // of the score; empty: nothing was ranked
  const features::FeatureBlock& query;          // of the ranker
  std::span<const LeftOut> left_out;            // by filters
  std::span<const PooledCandidate> not_ranked;  // for want of time
  std::span<const Unplaced> unplaced;
};

// Of a slate whose items are there. What is dropped: first what filters left out, up to half of kMostDropped or as many
// as there is room for, in the order in which generators met it; then the best by score without a place.
void Explain(const EngineParts& parts, const ExplainFacts& facts, Slate* slate);

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_EXPLAIN_H_
