// What a ranker has learned of position bias, next to what the impressions show (MT-10).
//
//   const BiasByPosition bias = BiasByPositionOf(subject, held_out);
//
// Pure functions: any thread.
#ifndef UPNEXT_EVALUATION_BIAS_BY_POSITION_H_
#define UPNEXT_EVALUATION_BIAS_BY_POSITION_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "evaluation/evaluate.h"
#include "evaluation/impressions.h"
#include "evaluation/ranker_report.h"
#include "ranking/ranker.h"

namespace upnext::evaluation {

// The bias tower's logits of an objective at positions 1 to `positions`, in a request of this device
// (a row of its vocabulary) of which nothing else is known.
std::vector<float> LearnedBias(const ranking::Ranker& ranker, size_t objective, uint32_t device,
                               size_t positions);

// At the positions up to kOverlapPositions that have at least a hundredth of the impressions, on the
// eight devices with the most. Learned bias: of the objectives and the devices that the tower knows.
BiasByPosition BiasByPositionOf(const Subject& subject, const Impressions& impressions);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_BIAS_BY_POSITION_H_
