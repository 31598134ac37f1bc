#include "features/quantiles.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace upnext::features {

namespace {

constexpr size_t kBlock = 32;  // two steps of kBlock comparisons find one of kBlock * kBlock
static_assert(Quantiles::kBoundaries <= kBlock * kBlock);

// How many of a block's values are <= x (or < x): a loop without branches, which compilers turn
// into a few vector instructions. A binary search would guess wrong at every other step.
template <bool kUpTo>
size_t CountInBlock(const float* block, float x) {
  uint32_t count = 0;
  for (size_t i = 0; i < kBlock; ++i) count += (kUpTo ? block[i] <= x : block[i] < x) ? 1 : 0;
  return count;
}

// The same of all boundaries. `ends` are the blocks' last values.
template <bool kUpTo>
size_t Count(const float* boundaries, const float* ends, float x) {
  const size_t block = CountInBlock<kUpTo>(ends, x);
  return block == kBlock ? Quantiles::kBoundaries
                         : block * kBlock + CountInBlock<kUpTo>(boundaries + block * kBlock, x);
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
  quantiles.Index();
  return quantiles;
}

void Quantiles::Index() {
  // Infinities fill the last block; finite numbers never reach them.
  boundaries_.resize(kBlock * kBlock, std::numeric_limits<float>::infinity());
  ends_.resize(kBlock);
  for (size_t i = 0; i < kBlock; ++i) ends_[i] = boundaries_[i * kBlock + kBlock - 1];
}

float Quantiles::Normalize(float x) const {
  if (boundaries_.empty() || std::isnan(x)) return std::numeric_limits<float>::quiet_NaN();
  constexpr double kLast = static_cast<double>(kBoundaries - 1);
  constexpr float kBelowOne = 1.0f - std::numeric_limits<float>::epsilon() / 2;
  const float* b = boundaries_.data();
  if (x < b[0]) return 0.0f;
  if (x > b[kBoundaries - 1]) return kBelowOne;
  const size_t up_to = Count<true>(b, ends_.data(), x);
  double position;
  if (b[up_to - 1] == x) {
    const bool alone = up_to == 1 || b[up_to - 2] != x;
    const size_t below = alone ? up_to - 1 : Count<false>(b, ends_.data(), x);
    position = 0.5 * static_cast<double>(below + up_to - 1);
  } else {
    const double low = b[up_to - 1], high = b[up_to];
    position = static_cast<double>(up_to - 1) + (static_cast<double>(x) - low) / (high - low);
  }
  return std::min(static_cast<float>(position / kLast), kBelowOne);
}

Status Quantiles::Save(base::SectionWriter& writer, std::string_view name) const {
  const size_t size = empty() ? 0 : kBoundaries;
  return writer.Add<float>(name, std::span(boundaries_).first(size));
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
  if (!quantiles.empty()) quantiles.Index();
  return quantiles;
}

}  // namespace upnext::features
