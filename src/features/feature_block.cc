#include "features/feature_block.h"

#include "base/checksum.h"

namespace upnext::features {

void FeatureBlock::Clear() {
  for (Bags& bags : categorical) bags.Clear();
  raw.clear();
  dense.clear();
  rows = 0;
}

void FeatureBlock::AppendRow(const FeatureBlock& from, size_t row) {
  if (categorical.size() != from.categorical.size()) categorical.resize(from.categorical.size());
  for (size_t slot = 0; slot < from.categorical.size(); ++slot) {
    const std::span<const uint32_t> ids = from.categorical[slot][row];
    categorical[slot].ids.insert(categorical[slot].ids.end(), ids.begin(), ids.end());
    categorical[slot].Close();
  }
  const auto copy = [&](const std::vector<float>& values, size_t width, std::vector<float>* out) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(row * width);
    out->insert(out->end(), begin, begin + static_cast<std::ptrdiff_t>(width));
  };
  copy(from.raw, from.raw_width, &raw);
  copy(from.dense, from.dense_width, &dense);
  raw_width = from.raw_width;
  dense_width = from.dense_width;
  ++rows;
}

uint64_t Digest(const FeatureBlock& block) {
  base::ChecksumStream stream;
  const auto add = [&](const auto& values) {
    const uint64_t size = values.size();
    stream.Append(std::as_bytes(std::span(&size, 1)));
    stream.Append(std::as_bytes(std::span(values)));
  };
  for (const Bags& bags : block.categorical) {
    add(bags.ids);
    add(bags.offsets);
  }
  add(block.raw);
  add(block.dense);
  return stream.digest();
}

void CandidateBatch::Clear() {
  features.Clear();
  label.clear();
}

}  // namespace upnext::features
