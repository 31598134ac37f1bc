#include "features/quantiles.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace upnext::features {

namespace {

// The number of values in the sorted [0, n) that are <= x (kUpTo) or < x, without branches that
// depend on data.
template <bool kUpTo>
size_t CountBelow(const float* values, size_t n, float x) {
  size_t base = 0;
  while (n > 1) {
    const size_t half = n / 2;
    const bool right = kUpTo ? values[base + half - 1] <= x : values[base + half - 1] < x;
    base += right ? half : 0;
    n -= half;
  }
  return base + ((kUpTo ? values[base] <= x : values[base] < x) ? 1 : 0);
}

}  // namespace

Quantiles Quantiles::Learn(std::vector<float> sample) {
  std::erase_if(sample, [](float x) { return !std::isfinite(x); });
  Quantiles quantiles;
  if (sample.empty()) return quantiles;
  std::sort(sample.begin(), sample.end());
  quantiles.boundaries_.resize(kBoundaries);
  const double last = static_cast<double>(sample.size() - 1);
  for (size_t k = 0; k < kBoundaries; ++k) {
    const double at = last * static_cast<double>(k) / static_cast<double>(kBoundaries - 1);
    const size_t low = static_cast<size_t>(at);
    const size_t high = std::min(low + 1, sample.size() - 1);
    const double share = at - static_cast<double>(low);
    // Rounding must not push a boundary past its neighbours, hence the clamp.
    const double value =
        (1 - share) * static_cast<double>(sample[low]) + share * static_cast<double>(sample[high]);
    quantiles.boundaries_[k] = std::clamp(static_cast<float>(value), sample[low], sample[high]);
  }
  return quantiles;
}

float Quantiles::Normalize(float x) const {
  if (boundaries_.empty() || std::isnan(x)) return std::numeric_limits<float>::quiet_NaN();
  const float* b = boundaries_.data();
  const size_t up_to = CountBelow<true>(b, kBoundaries, x);
  if (up_to == 0) return 0.0f;
  double position;
  if (b[up_to - 1] == x) {
    const size_t below = CountBelow<false>(b, up_to, x);
    position = 0.5 * static_cast<double>(below + up_to - 1);
  } else if (up_to == kBoundaries) {
    position = static_cast<double>(kBoundaries - 1);
  } else {
    const double low = b[up_to - 1], high = b[up_to];
    position = static_cast<double>(up_to - 1) + (static_cast<double>(x) - low) / (high - low);
  }
  constexpr float kBelowOne = 1.0f - std::numeric_limits<float>::epsilon() / 2;
  return std::min(static_cast<float>(position / static_cast<double>(kBoundaries - 1)), kBelowOne);
}

Status Quantiles::Save(base::SectionWriter& writer, std::string_view name) const {
  return writer.Add<float>(name, boundaries_);
}

Result<Quantiles> Quantiles::Load(const base::SectionFile& file, std::string_view name) {
  UPNEXT_ASSIGN_OR_RETURN(std::span<const float> boundaries, file.Get<float>(name));
  const bool finite =
      std::all_of(boundaries.begin(), boundaries.end(), [](float x) { return std::isfinite(x); });
  if ((!boundaries.empty() && boundaries.size() != kBoundaries) || !finite ||
      !std::is_sorted(boundaries.begin(), boundaries.end())) {
    return DataLoss(
        "{}: section {} should hold 0 or {} finite numbers that never fall, has {}; "
        "train again",
        file.path().string(), name, kBoundaries, boundaries.size());
  }
  Quantiles quantiles;
  quantiles.boundaries_.assign(boundaries.begin(), boundaries.end());
  return quantiles;
}

}  // namespace upnext::features
