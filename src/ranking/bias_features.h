// What position and selection bias depend on: the position of an impression, crossed with features
// of its request (Zhao 2019, section 5.3: position x device). Each combination of values is a cell,
// which has a row in the tables of a bias (position_bias.h).
//
//   UPNEXT_ASSIGN_OR_RETURN(const BiasFeatures bias, BiasFeatures::Make(options, shape));
//   bias.Cells(batch.queries, batch.query_of, batch.position, &cells);    // one id per feature
//
// Immutable; any number of threads.
#ifndef UPNEXT_RANKING_BIAS_FEATURES_H_
#define UPNEXT_RANKING_BIAS_FEATURES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/status.h"
#include "features/feature_block.h"
#include "features/model_shape.h"
#include "nn/graph.h"

namespace upnext::ranking {

// kTower: a shallow tower whose output is added to logits. kInput: position is an input of the
// ranker. kAdversarial: the shared layer is trained to say nothing of the position.
enum class BiasMethod : uint8_t { kNone, kTower, kInput, kAdversarial };
inline constexpr std::string_view kBiasMethods[] = {"none", "tower", "input", "adversarial"};
inline constexpr uint32_t kMaxBiasPositions = 1000;
inline constexpr double kLeastLearningRate = 1e-9;  // 0 would not learn

// Of [ranking.bias].
struct BiasOptions {
  BiasMethod method = BiasMethod::kNone;
  // "position", "row", "column" and names of features, crossed by " x ".
  std::vector<std::string> features = {"position x device"};
  uint32_t positions = 50;          // that have cells of their own; later ones count as the last
  uint32_t columns = 0;             // of a grid, in which positions run row by row; 0: no grid
  float dropout = 0.1f;             // share of impressions whose position is missing in training
  float learning_rate = 0.1f;       // of the tables, row-wise Adagrad
  uint32_t served_position = 0;     // kInput: when serving; 0: missing
  float adversarial_weight = 0.1f;  // kAdversarial: of the negated gradient
  bool reads_positions() const {
    return method == BiasMethod::kTower || method == BiasMethod::kInput;
  }
  static BiasOptions FromConfig(const base::ConfigTable& bias);
};

class BiasFeatures {
 public:
  // kInvalidArgument for a name that is no single-valued feature of the request, for crosses of too
  // many cells, for what comes twice, and for features that do not depend on the position.
  static Result<BiasFeatures> Make(const BiasOptions& options, const features::ModelShape& shape);

  // Of a table that has a row for each cell of each feature; row 0 is none.
  size_t rows() const { return rows_; }
  // The row in a table of `grown`, the same features of a shape with more rows, of each row here.
  std::vector<uint32_t> RowsIn(const BiasFeatures& grown) const;
  // One bag for each impression, of one cell for each feature. positions [impressions]: from 1, 0
  // is missing; empty: all are `position`.
  void Cells(const features::FeatureBlock& queries, std::span<const uint32_t> query_of,
             std::span<const uint16_t> positions, features::Bags* cells,
             uint16_t position = 0) const;
  // The same as operations, for impressions at `position`: [impressions] cells for each feature.
  // ids [slots of the query side]: [queries], of those with one value.
  std::vector<nn::Graph::Value> AppendCells(nn::Graph& graph, std::span<const nn::Graph::Value> ids,
                                            const nn::Graph::Value& query_of,
                                            uint16_t position) const;

 private:
  struct Factor {
    enum class Kind : uint8_t { kPosition, kRow, kColumn, kSlot } kind;
    size_t slot = 0;    // of kSlot, among those of the query side
    size_t values = 1;  // number of them; 0 is missing or out of vocabulary
  };
  using Cross = std::vector<Factor>;
  Result<Factor> FactorOf(const std::string& name, const features::ModelShape& shape) const;
  size_t ValueOf(const Factor& factor, const features::FeatureBlock& queries, size_t query,
                 size_t position) const;
  size_t ValueAt(const Factor& factor, size_t position) const;  // of no slot

  uint32_t positions_ = 1, columns_ = 0;
  std::vector<Cross> crosses_;
  std::vector<size_t> begins_;  // by cross: row of its first cell
  size_t rows_ = 1;
};

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_BIAS_FEATURES_H_
