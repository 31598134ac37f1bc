// The features of one side of a model as columns of a table: features/block_columns.h as INTEGER,
// INTEGER[], FLOAT and FLOAT[], what is missing as NULL.
//
//   const FeatureColumns query(plan.side(Model::kRanking, Side::kQuery), "query", 9);
//   query.Write(block, block_row, row, &chunk);
//
// Immutable: any number of threads.
#ifndef UPNEXT_INTERCHANGE_FEATURE_COLUMNS_H_
#define UPNEXT_INTERCHANGE_FEATURE_COLUMNS_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "features/block_columns.h"
#include "features/feature_block.h"
#include "features/feature_plan.h"
#include "import/duckdb_table.h"

namespace upnext::interchange {

class FeatureColumns {
 public:
  // `first`: number of the first column in the table.
  FeatureColumns(const features::SidePlan& plan, std::string_view side, size_t first);
  const std::vector<import::Column>& columns() const { return columns_; }
  void Write(const features::FeatureBlock& block, size_t block_row, size_t row,
             import::ChunkWriter* chunk) const;

 private:
  const std::vector<features::BlockColumn> of_block_;
  const size_t first_;
  std::vector<import::Column> columns_;
};

}  // namespace upnext::interchange

#endif  // UPNEXT_INTERCHANGE_FEATURE_COLUMNS_H_
