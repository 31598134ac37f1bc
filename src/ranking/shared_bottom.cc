#include "base/rng.h"
#include "ranking/architectures.h"
#include "ranking/mixture.h"

namespace upnext::ranking {

std::unique_ptr<Architecture> MakeSharedBottom(const ArchitectureOptions& options,
                                               const NetShape& shape, base::Rng& rng) {
  return std::make_unique<Mixture>(options, shape, std::vector<MixLevel>(), rng);
}

}  // namespace upnext::ranking
