// Architecture "shared-bottom": a ReLU tower that all tasks share, then one linear output per task
// (Covington 2016, figure 7, has it with one task).
#ifndef UPNEXT_RANKING_SHARED_BOTTOM_H_
#define UPNEXT_RANKING_SHARED_BOTTOM_H_

#include <memory>

#include "base/rng.h"
#include "ranking/architecture.h"

namespace upnext::ranking {

std::unique_ptr<Architecture> MakeSharedBottom(const ArchitectureOptions& options, base::Rng& rng);

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_SHARED_BOTTOM_H_
