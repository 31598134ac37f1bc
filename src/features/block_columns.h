// The features of one side of a model as named columns ("query.age"), as `upnext export --examples`
// writes them and as networks of others read them:
//
//   a single id      kId: a row of its vocabulary, none without one
//   a list of ids    kIds, the newest last if it is ordered, and NAME.weights kWeights
//   by quantiles     kNumber: the value, and NAME.normal its quantile; NaN: missing
//   vectors          kVector, empty: missing
//   other numbers    kNumber: the share of their limit, NaN: missing
//
// What a block holds besides follows from these: powers, hat functions, flags of missing values.
//
//   for (const BlockColumn& column : ColumnsOf(plan.side(Model::kRanking, Side::kQuery), "query"))
//     if (column.kind == BlockColumn::Kind::kNumber) column.NumberAt(block, row) ...
//
// Values: any number of threads.
#ifndef UPNEXT_FEATURES_BLOCK_COLUMNS_H_
#define UPNEXT_FEATURES_BLOCK_COLUMNS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "features/feature_block.h"
#include "features/feature_plan.h"

namespace upnext::features {

inline constexpr const char* kSideNames[] = {"query", "impression"};  // by Side

struct BlockColumn {
  enum class Kind : uint8_t { kId, kIds, kWeights, kNumber, kVector };
  std::string name = {};
  Kind kind = Kind::kNumber;
  size_t slot = 0;          // in FeatureBlock::categorical, of the first three
  uint32_t vocabulary = 0;  // in FeaturePlan::vocabularies(), of ids
  bool is_raw = false;      // of kNumber: lies in FeatureBlock::raw, else in dense
  size_t at = 0;            // offset in a row of it
  size_t width = 1;         // of kVector
  size_t flag = SIZE_MAX;   // offset in a row of dense of "is missing"; SIZE_MAX: it has none

  bool is_list() const { return kind == Kind::kIds || kind == Kind::kWeights; }
  // Of a block of the plan that it was made of; each of its own kind.
  std::optional<uint32_t> IdAt(const FeatureBlock& block, size_t row) const;
  std::span<const uint32_t> IdsAt(const FeatureBlock& block, size_t row) const;
  std::vector<float> WeightsAt(const FeatureBlock& block, size_t row) const;
  float NumberAt(const FeatureBlock& block, size_t row) const;
  std::span<const float> VectorAt(const FeatureBlock& block, size_t row) const;
};

// In the order of the plan: categories, then numbers.
std::vector<BlockColumn> ColumnsOf(const SidePlan& plan, std::string_view side);

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_BLOCK_COLUMNS_H_
