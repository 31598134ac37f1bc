#include "features/feature_block.h"

#include <algorithm>

#include "base/checksum.h"

namespace upnext::features {

void FeatureBlock::Clear() {
  for (Bags& bags : categorical) bags.Clear();
  raw.clear();
  dense.clear();
  duration_s.clear();
  rows = 0;
}

namespace {

constexpr size_t kLineBytes = 64;  // of a cache

template <typename T>
void PrefetchLines(const T* begin, size_t n) {
  const char* const bytes = reinterpret_cast<const char*>(begin);
  for (size_t at = 0; at < n * sizeof(T); at += kLineBytes) __builtin_prefetch(bytes + at);
}

}  // namespace

void FeatureBlock::PrefetchPlace(size_t row) const {
  for (const Bags& bags : categorical) __builtin_prefetch(bags.offsets.data() + row);
  PrefetchLines(raw.data() + row * raw_width, raw_width);
  PrefetchLines(dense.data() + row * dense_width, dense_width);
}

void FeatureBlock::PrefetchRow(size_t row) const {
  for (const Bags& bags : categorical) {
    const std::span<const uint32_t> ids = bags[row];
    PrefetchLines(ids.data(), ids.size());
  }
}

void FeatureBlock::AppendRow(const FeatureBlock& from, size_t row) {
  if (categorical.size() != from.categorical.size()) categorical.resize(from.categorical.size());
  for (size_t slot = 0; slot < from.categorical.size(); ++slot) {
    const std::span<const uint32_t> ids = from.categorical[slot][row];
    Bags& bags = categorical[slot];
    const Bags& all = from.categorical[slot];
    if (ids.size() == 1 && all.weights.empty() && bags.weights.empty()) {  // most often
      bags.ids.push_back(ids[0]);
    } else {
      bags.Append(all, all.offsets[row], all.offsets[row + 1]);
    }
    bags.Close();
  }
  const auto copy = [&](const std::vector<float>& values, size_t width, std::vector<float>* out) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(row * width);
    out->insert(out->end(), begin, begin + static_cast<std::ptrdiff_t>(width));
  };
  copy(from.raw, from.raw_width, &raw);
  copy(from.dense, from.dense_width, &dense);
  if (!from.duration_s.empty()) duration_s.push_back(from.duration_s[row]);
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
    // Whether weights of 1 are written down depends on the rows before these.
    if (std::ranges::any_of(bags.weights, [](float weight) { return weight != 1; })) {
      add(bags.weights);
    }
  }
  add(block.raw);
  add(block.dense);
  add(block.duration_s);
  return stream.digest();
}

void CandidateBatch::Clear() {
  features.Clear();
  label.clear();
  weight.clear();
}

}  // namespace upnext::features
