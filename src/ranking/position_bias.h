// Position bias of a ranker (Zhao 2019, section 5.3), by the method that [ranking.bias] says:
//
//   tower        logit_k = net_k(x) + b_k(position x device)   for objectives with position_bias
//   input        net(x, v(position x device))                  v: an embedding
//   adversarial  another layer predicts the position from the shared hidden layer, which learns
//                by the negated gradient that it should not be able to
//
// When serving, the position is missing (or, as an input, the one of the options): the value that
// it then has was learned, since training leaves out positions at random.
//
//   bias.Cells(queries, query_of, {}, &cells);          when serving
//   bias.AddLogits(cells, columns, logits);
//
// Const methods may run on many threads; training belongs to one.
#ifndef UPNEXT_RANKING_POSITION_BIAS_H_
#define UPNEXT_RANKING_POSITION_BIAS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "features/feature_block.h"
#include "features/model_shape.h"
#include "nn/dense.h"
#include "nn/embedding_table.h"
#include "nn/graph.h"
#include "nn/losses.h"
#include "nn/optimizer.h"
#include "nn/parameter.h"
#include "ranking/bias_features.h"
#include "ranking/objectives.h"

namespace upnext::ranking {

struct RankerOptions;

// Why an architecture without a shared layer has no adversary.
inline constexpr std::string_view kNeedsSharedLayers =
    "\"adversarial\" needs hidden layers that all objectives share, and the architecture has none; "
    "choose another one or method = \"tower\"";

class PositionBias {
 public:
  // kInvalidArgument as BiasFeatures::Make, and for a tower that no objective has.
  static Result<PositionBias> Make(const BiasOptions& options,
                                   const std::vector<Objective>& objectives,
                                   const features::ModelShape& shape, base::Rng& rng);
  // Numbers that it adds to the input of each impression, and its weights, without making it.
  static size_t InputWidth(const BiasOptions& options);
  static Result<double> WeightsOf(const RankerOptions& ranker,
                                  const std::vector<Objective>& objectives,
                                  const features::ModelShape& shape);
  // "adversarial": makes the layer that predicts the position from `hidden` numbers.
  // kInvalidArgument for an architecture that has no shared layer.
  Status AddAdversary(size_t hidden, base::Rng& rng);

  const BiasOptions& options() const { return options_; }
  bool reads_positions() const { return features_.has_value(); }
  // As BiasFeatures::Cells; without positions: as when serving.
  void Cells(const features::FeatureBlock& queries, std::span<const uint32_t> query_of,
             std::span<const uint16_t> positions, features::Bags* cells) const;
  // "input": out [rows, stride], of which InputWidth() numbers are written. Else without effect.
  void Gather(const features::Bags& cells, float* out, size_t stride, base::ThreadPool* pool) const;
  // "tower": adds to logits [rows, columns.width], to all outputs of an objective the same. Else
  // without effect.
  void AddLogits(const features::Bags& cells, const HeadLayout& columns, float* logits) const;
  // The same two as operations, of positions as when serving: ids [slots of the query side] of
  // requests, query_of [rows]. Empty: without effect.
  nn::Graph::Value AppendInput(nn::Graph& graph, std::span<const nn::Graph::Value> ids,
                               const nn::Graph::Value& query_of) const;  // [rows, InputWidth()]
  nn::Graph::Value AppendLogit(nn::Graph& graph, size_t objective,
                               std::span<const nn::Graph::Value> ids,
                               const nn::Graph::Value& query_of) const;  // [rows, 1]
  // "tower": the bias of one objective in one cell, 0 without one.
  float LogitOf(size_t objective, uint32_t cell) const;
  // "tower": that of positions 1 to `positions` in the first of these requests, in logits.
  std::vector<float> LogitsByPosition(size_t objective, const features::FeatureBlock& queries,
                                      size_t positions) const;
  bool HasBias(size_t objective) const { return std::ranges::count(heads_, objective) > 0; }
  void AppendParameters(std::string_view name, std::vector<nn::Parameter>& parameters);
  // Takes the weights of a bias of the same options and objectives, whose shape has no more rows.
  void CopyFrom(PositionBias& old);

 private:
  friend class PositionBiasTrainer;
  nn::Graph::Value AppendSum(nn::Graph& graph, const nn::EmbeddingTable& table,
                             std::span<const nn::Graph::Value> ids,
                             const nn::Graph::Value& query_of) const;
  std::vector<uint32_t> RowsIn(const PositionBias& grown) const;  // of its tables
  BiasOptions options_;
  std::optional<BiasFeatures> features_;  // of "tower" and "input"
  std::vector<size_t> heads_;             // "tower": objectives that have one
  // "tower": one number for each cell, by head; "input": one table of embeddings.
  std::vector<std::unique_ptr<nn::EmbeddingTable>> tables_;
  std::unique_ptr<nn::Linear> adversary_;  // logits [positions]: of position 1 and so on
};

// What training adds. The bias must outlive it and not move.
class PositionBiasTrainer {
 public:
  explicit PositionBiasTrainer(PositionBias* bias);

  // The cells of a batch, with positions left out at random.
  const features::Bags& Draw(const features::FeatureBlock& queries,
                             std::span<const uint32_t> query_of,
                             std::span<const uint16_t> positions, base::Rng& noise);
  // Gradients of what Draw gave; the arguments must stay until Step. d_logits
  // [rows, columns.width], d_input [rows, stride]: the numbers that Gather wrote.
  void AddGradients(std::span<const float> d_logits, const HeadLayout& columns,
                    const float* d_input, size_t stride);
  // "adversarial": adds to the gradients of the adversary, and returns the negated and weighted
  // gradient of its loss for the shared layer [rows, width], owned by this; else null.
  const float* Adversary(const float* hidden, std::span<const uint16_t> positions,
                         const nn::Compute& compute);
  // Of the adversary on the last batch, over impressions with a position: 0 without one.
  double adversary_loss() const { return adversary_loss_.mean(); }
  void Step(base::ThreadPool* pool);
  void ScaleLearningRates(float share);
  void AppendState(std::vector<nn::Parameter>& state);
  void CopyFrom(PositionBiasTrainer& old);  // as PositionBias::CopyFrom, of that state

 private:
  PositionBias& bias_;
  std::vector<std::unique_ptr<nn::RowwiseAdagrad>> steps_;  // as its tables
  std::vector<uint16_t> positions_;
  features::Bags cells_;
  std::vector<std::vector<float>> sums_;  // of the gradients of an objective's outputs, by head
  nn::LossValue adversary_loss_;
  std::vector<float> adversary_logits_, d_hidden_;
};

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_POSITION_BIAS_H_
