// Architecture "linear": logistic or linear regression per task on the ranker's input, without a
// hidden layer. The cheapest ranker, and the first to compare a deeper one with.
#ifndef UPNEXT_RANKING_LINEAR_H_
#define UPNEXT_RANKING_LINEAR_H_

#include <memory>

#include "base/rng.h"
#include "ranking/architecture.h"

namespace upnext::ranking {

std::unique_ptr<Architecture> MakeLinear(const ArchitectureOptions& options, base::Rng& rng);

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_LINEAR_H_
