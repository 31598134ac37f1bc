#include "examples/label_counts.h"

#include <algorithm>
#include <numeric>

namespace upnext::examples {
namespace {

// Below 2^24 for up to 65 thousand rows, so that floats count exactly; beyond, within one in 2^24.
constexpr float kLabelsPerRow = 256;

}  // namespace

LabelCounts::LabelCounts(const features::Vocabulary& vocabulary)
    : counts_(std::max<uint32_t>(vocabulary.rows(), 1)) {
  double sum = 0;
  for (uint32_t row = 1; row < counts_.size(); ++row) {
    sum += static_cast<double>(std::max<uint64_t>(vocabulary.count(row), 1));
  }
  const auto rows = static_cast<double>(counts_.size() - 1);
  for (uint32_t row = 1; row < counts_.size(); ++row) {
    const auto count = static_cast<double>(std::max<uint64_t>(vocabulary.count(row), 1));
    counts_[row] = static_cast<float>(count / sum * rows);
  }
  counts_[0] = static_cast<float>(rows);
}

void LabelCounts::AddUp() {
  counts_[0] = static_cast<float>(std::accumulate(counts_.begin() + 1, counts_.end(), 0.0));
}

void LabelCounts::Add(std::span<const uint32_t> labels) {
  for (const uint32_t row : labels) counts_[row] += 1;
  counts_[0] += static_cast<float>(labels.size());
  if (counts_[0] <= kLabelsPerRow * static_cast<float>(counts_.size())) return;
  for (float& count : counts_) count /= 2;
}

}  // namespace upnext::examples
