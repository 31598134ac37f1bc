#include "features/block_columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace upnext::features {

std::optional<uint32_t> BlockColumn::IdAt(const FeatureBlock& block, size_t row) const {
  const Bags& bags = block.categorical[slot];
  const std::span<const uint32_t> ids = bags[row];
  return ids.empty() ? std::nullopt : std::optional(ids.front());
}

std::span<const uint32_t> BlockColumn::IdsAt(const FeatureBlock& block, size_t row) const {
  const Bags& bags = block.categorical[slot];
  return bags[row];
}

std::vector<float> BlockColumn::WeightsAt(const FeatureBlock& block, size_t row) const {
  const Bags& bags = block.categorical[slot];
  std::vector<float> weights(bags[row].size(), 1.0f);
  if (!bags.weights.empty()) {
    std::copy_n(bags.weights.begin() + bags.offsets[row], weights.size(), weights.begin());
  }
  return weights;
}

float BlockColumn::NumberAt(const FeatureBlock& block, size_t row) const {
  if (is_raw) return block.raw[row * block.raw_width + at];
  const float* const dense = block.dense.data() + row * block.dense_width;
  const bool missing = flag != SIZE_MAX && dense[flag] != 0;
  return missing ? std::numeric_limits<float>::quiet_NaN() : dense[at];
}

std::span<const float> BlockColumn::VectorAt(const FeatureBlock& block, size_t row) const {
  const std::span<const float> vector(block.dense.data() + row * block.dense_width + at, width);
  const bool missing = std::ranges::all_of(vector, [](float x) { return x == 0; });
  return missing ? std::span<const float>() : vector;
}

std::vector<BlockColumn> ColumnsOf(const SidePlan& plan, std::string_view side) {
  using Kind = BlockColumn::Kind;
  using Encoding = NumberOp::Encoding;
  std::vector<BlockColumn> columns;
  for (size_t slot = 0; slot < plan.categories.size(); ++slot) {
    const Feature& feature = plan.categories[slot];
    const std::string name = fmt::format("{}.{}", side, feature.name);
    const bool list = feature.kind == FeatureKind::kMultivalent;
    columns.push_back({.name = name,
                       .kind = list ? Kind::kIds : Kind::kId,
                       .slot = slot,
                       .vocabulary = feature.vocabulary});
    if (list) columns.push_back({.name = name + ".weights", .kind = Kind::kWeights, .slot = slot});
  }
  for (const Feature& feature : plan.numbers) {
    const std::string name = fmt::format("{}.{}", side, feature.name);
    const size_t at = feature.dense;
    switch (feature.number.encoding) {
      case Encoding::kQuantiles:
        columns.push_back({.name = name, .kind = Kind::kNumber, .is_raw = true, .at = feature.raw});
        columns.push_back(
            {.name = name + ".normal", .kind = Kind::kNumber, .at = at, .flag = at + kPowers - 1});
        break;
      case Encoding::kPlain:
        columns.push_back({.name = name, .kind = Kind::kNumber, .at = at, .flag = at + 1});
        break;
      case Encoding::kHats:  // 0 and missing are the same
        columns.push_back({.name = name, .kind = Kind::kNumber, .at = at});
        break;
      case Encoding::kVector:
        columns.push_back(
            {.name = name, .kind = Kind::kVector, .at = at, .width = feature.number.width()});
        break;
    }
  }
  return columns;
}

}  // namespace upnext::features
