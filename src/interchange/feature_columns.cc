#include "interchange/feature_columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <utility>

namespace upnext::interchange {
namespace {

using features::Feature;

bool IsVector(const Feature& feature) {
  return feature.number.encoding == features::NumberOp::Encoding::kVector;
}

bool IsList(const Feature& feature) { return feature.kind == features::FeatureKind::kMultivalent; }

void PutFloat(float value, size_t column, size_t row, import::ChunkWriter* chunk) {
  if (std::isnan(value)) {
    chunk->SetNull(column, row);
  } else {
    chunk->Values<float>(column)[row] = value;
  }
}

void PutList(const features::Bags& bags, size_t block_row, size_t column, size_t row,
             import::ChunkWriter* chunk) {
  const std::span<const uint32_t> ids = bags[block_row];
  const std::vector<int32_t> rows(ids.begin(), ids.end());
  std::vector<float> weights(ids.size(), 1.0f);
  if (!bags.weights.empty()) {
    std::copy_n(bags.weights.begin() + bags.offsets[block_row], ids.size(), weights.begin());
  }
  chunk->SetList<int32_t>(column, row, rows);
  chunk->SetList<float>(column + 1, row, weights);
}

void PutVector(std::span<const float> vector, size_t column, size_t row,
               import::ChunkWriter* chunk) {
  if (std::ranges::all_of(vector, [](float x) { return x == 0; })) {
    chunk->SetNull(column, row);
  } else {
    chunk->SetList<float>(column, row, vector);
  }
}

}  // namespace

FeatureColumns::FeatureColumns(const features::SidePlan& plan, std::string_view side, size_t first)
    : plan_(plan), first_(first) {
  const auto add = [&](const Feature& feature, std::string_view part, const char* type) {
    columns_.push_back({fmt::format("{}.{}{}", side, feature.name, part), type});
  };
  for (const Feature& feature : plan.categories) {
    add(feature, "", IsList(feature) ? "INTEGER[]" : "INTEGER");
    if (IsList(feature)) add(feature, ".weights", "FLOAT[]");
  }
  for (const Feature& feature : plan.numbers) {
    add(feature, "", IsVector(feature) ? "FLOAT[]" : "FLOAT");
    if (feature.by_quantiles()) add(feature, ".normal", "FLOAT");
  }
}

void FeatureColumns::Write(const features::FeatureBlock& block, size_t block_row, size_t row,
                           import::ChunkWriter* chunk) const {
  size_t column = first_;
  for (size_t slot = 0; slot < plan_.categories.size(); ++slot) {
    const features::Bags& bags = block.categorical[slot];
    if (IsList(plan_.categories[slot])) {
      PutList(bags, block_row, column, row, chunk);
      column += 2;
    } else if (const std::span<const uint32_t> ids = bags[block_row]; ids.empty()) {
      chunk->SetNull(column++, row);
    } else {
      chunk->Values<int32_t>(column++)[row] = static_cast<int32_t>(ids[0]);
    }
  }
  constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
  const float* const raw = block.raw.data() + block_row * block.raw_width;
  const float* const dense = block.dense.data() + block_row * block.dense_width;
  for (const Feature& feature : plan_.numbers) {
    const float* const number = dense + feature.dense;
    if (IsVector(feature)) {
      PutVector({number, feature.number.width()}, column++, row, chunk);
      continue;
    }
    using Encoding = features::NumberOp::Encoding;
    const Encoding encoding = feature.number.encoding;
    if (encoding == Encoding::kQuantiles) PutFloat(raw[feature.raw], column++, row, chunk);
    // Hat functions have no flag: 0 and missing are the same.
    const bool missing = encoding == Encoding::kQuantiles ? number[features::kPowers - 1] != 0
                         : encoding == Encoding::kPlain   ? number[1] != 0
                                                          : false;
    PutFloat(missing ? kMissing : number[0], column++, row, chunk);
  }
}

}  // namespace upnext::interchange
