// The features of one side of a model as columns of a table, named as the inputs of an exported
// network ("query.age"):
//
//   a single id      INTEGER: a row of its vocabulary, NULL without one
//   a list of ids    INTEGER[], the newest last if it is ordered, and NAME.weights FLOAT[]
//   by quantiles     FLOAT: the value, and NAME.normal FLOAT: its quantile; NULL: missing
//   vectors          FLOAT[], NULL: missing
//   other numbers    FLOAT: the share of their limit, NULL: missing
//
// What a block holds besides follows from these: powers, hat functions, flags of missing values.
//
//   const FeatureColumns query(plan.side(Model::kRanking, Side::kQuery), "query", 9);
//   query.Write(block, block_row, row, &chunk);
//
// Immutable: any number of threads. The plan outlives it.
#ifndef UPNEXT_INTERCHANGE_FEATURE_COLUMNS_H_
#define UPNEXT_INTERCHANGE_FEATURE_COLUMNS_H_

#include <cstddef>
#include <string_view>
#include <vector>

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
  const features::SidePlan& plan_;
  const size_t first_;
  std::vector<import::Column> columns_;
};

}  // namespace upnext::interchange

#endif  // UPNEXT_INTERCHANGE_FEATURE_COLUMNS_H_
