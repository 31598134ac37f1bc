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
  // The count grows with the factor, so halving finds it; 2^-14 of a width is below one unit.
  constexpr int kHalvings = 40;
  double low = 0, high = 1;
  UPNEXT_ASSIGN_OR_RETURN(size_t count, MultiplicationsOf(options, shape));
  while (count < multiplications && high < double{kMaxWidth}) {
    low = high;
    high *= 2;
    UPNEXT_ASSIGN_OR_RETURN(count, MultiplicationsOf(Scaled(options, high), shape));
  }
  for (int halving = 0; halving < kHalvings; ++halving) {
    const double middle = (low + high) / 2;
    UPNEXT_ASSIGN_OR_RETURN(count, MultiplicationsOf(Scaled(options, middle), shape));
    (count < multiplications ? low : high) = middle;
  }
  // All widths change at once; the first alone comes closer.
  ArchitectureOptions best = Scaled(options, high);
  UPNEXT_ASSIGN_OR_RETURN(size_t closest, MultiplicationsOf(best, shape));
  ArchitectureOptions tried = best;
  while (!tried.widths.empty() && tried.widths[0] > 1 && closest > multiplications) {
    --tried.widths[0];
    UPNEXT_ASSIGN_OR_RETURN(count, MultiplicationsOf(tried, shape));
    if (Distance(count, multiplications) >= Distance(closest, multiplications)) break;
    best = tried;
    closest = count;
  }
  if (Distance(closest, multiplications) <=
      kMatchTolerance * static_cast<double>(multiplications)) {
    return best;
  }
  return InvalidArgument(
      "\"{}\" cannot have {} multiplications per impression, as [ranking.match] asks for: the "
      "closest sizes have {}; change the widths or the number of experts of one of the two",
      options.name, multiplications, closest);
}

}  // namespace upnext::ranking
