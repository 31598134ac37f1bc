#include "interchange/feature_columns.h"

#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace upnext::interchange {
namespace {

using features::BlockColumn;

const char* TypeOf(BlockColumn::Kind kind) {
  switch (kind) {
    case BlockColumn::Kind::kId:
      return "INTEGER";
    case BlockColumn::Kind::kIds:
      return "INTEGER[]";
    case BlockColumn::Kind::kWeights:
    case BlockColumn::Kind::kVector:
      return "FLOAT[]";
    case BlockColumn::Kind::kNumber:
      return "FLOAT";
  }
  return "";
}

// What is missing becomes NULL.
void PutCell(const BlockColumn& from, const features::FeatureBlock& block, size_t block_row,
             size_t column, size_t row, import::ChunkWriter* chunk) {
  switch (from.kind) {
    case BlockColumn::Kind::kId: {
      const std::optional<uint32_t> id = from.IdAt(block, block_row);
      if (!id) return chunk->SetNull(column, row);
      chunk->Values<int32_t>(column)[row] = static_cast<int32_t>(*id);
      return;
    }
    case BlockColumn::Kind::kIds: {
      const std::span<const uint32_t> ids = from.IdsAt(block, block_row);
      const std::vector<int32_t> rows(ids.begin(), ids.end());
      return chunk->SetList<int32_t>(column, row, rows);
    }
    case BlockColumn::Kind::kWeights:
      return chunk->SetList<float>(column, row, from.WeightsAt(block, block_row));
    case BlockColumn::Kind::kVector: {
      const std::span<const float> vector = from.VectorAt(block, block_row);
      if (vector.empty()) return chunk->SetNull(column, row);
      return chunk->SetList<float>(column, row, vector);
    }
    case BlockColumn::Kind::kNumber: {
      const float value = from.NumberAt(block, block_row);
      if (std::isnan(value)) return chunk->SetNull(column, row);
      chunk->Values<float>(column)[row] = value;
      return;
    }
  }
}

}  // namespace

FeatureColumns::FeatureColumns(const features::SidePlan& plan, std::string_view side, size_t first)
    : of_block_(features::ColumnsOf(plan, side)), first_(first) {
  for (const BlockColumn& column : of_block_)
    columns_.push_back({column.name, TypeOf(column.kind)});
}

void FeatureColumns::Write(const features::FeatureBlock& block, size_t block_row, size_t row,
                           import::ChunkWriter* chunk) const {
  for (size_t i = 0; i < of_block_.size(); ++i) {
    PutCell(of_block_[i], block, block_row, first_ + i, row, chunk);
  }
}

}  // namespace upnext::interchange
