#include "ranking/match_multiplications.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/rng.h"

namespace upnext::ranking {
namespace {

std::vector<size_t> Scaled(const std::vector<size_t>& widths, double factor) {
  std::vector<size_t> scaled;
  for (const size_t width : widths) {
    const double exact = std::round(static_cast<double>(width) * factor);
    scaled.push_back(static_cast<size_t>(std::clamp(exact, 1.0, double{kMaxWidth})));
  }
  return scaled;
}

ArchitectureOptions Scaled(const ArchitectureOptions& options, double factor) {
  ArchitectureOptions scaled = options;
  scaled.widths = Scaled(options.widths, factor);
  scaled.task_widths = Scaled(options.task_widths, factor);
  scaled.expert_widths = Scaled(options.expert_widths, factor);
  return scaled;
}

double Distance(size_t count, size_t wanted) {
  return std::abs(static_cast<double>(count) - static_cast<double>(wanted));
}

}  // namespace

Result<size_t> MultiplicationsOf(const ArchitectureOptions& options, const NetShape& shape) {
  base::Rng rng(0);  // for weights that are not used
  UPNEXT_ASSIGN_OR_RETURN(const auto net, MakeArchitecture(options, shape, rng));
  return net->multiplications();
}

Result<ArchitectureOptions> MatchMultiplications(const ArchitectureOptions& options,
                                                 size_t multiplications, const NetShape& shape) {
  // The count grows with a power of the factor between the first, of a single layer, and the
  // second. A step by the square root of what is missing halves the error at least.
  constexpr int kSteps = 14;
  const auto wanted = static_cast<double>(multiplications);
  double factor = 1;
  ArchitectureOptions best = options;
  size_t closest = 0;
  for (int step = 0; step < kSteps; ++step) {
    const ArchitectureOptions tried = Scaled(options, factor);
    UPNEXT_ASSIGN_OR_RETURN(const size_t count, MultiplicationsOf(tried, shape));
    if (step == 0 || Distance(count, multiplications) < Distance(closest, multiplications)) {
      best = tried;
      closest = count;
    }
    factor *= std::clamp(std::sqrt(wanted / static_cast<double>(count)), 0.25, 4.0);
  }
  if (Distance(closest, multiplications) <= kMatchTolerance * wanted) return best;
  return InvalidArgument(
      "\"{}\" cannot have {} multiplications per impression, as [ranking.match] asks for: the "
      "closest sizes have {}; change the widths or the number of experts of one of the two",
      options.name, multiplications, closest);
}

}  // namespace upnext::ranking
