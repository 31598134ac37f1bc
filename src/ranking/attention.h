// Target attention: what of a history matters for this candidate (DIN: Zhou et al. 2018, section
// 4.3). With c the embedding of the candidate and k_j those of the history, of the same table:
//
//   h_j = ReLU(W_c c + W_k k_j + W_p (c * k_j) + b), further layers, a_j: one number
//   out = sum over j of a_j k_j                      no softmax: much history gives much output
//
//   Attention attention(dim, {32}, rng);
//   attention.Forward(table, input, compute);        // training: one thread
//   attention.Backward(input, d_rows, compute);
//   attention.Infer(table, input, work, compute);    // serving: any number of threads
//
// W_k k_j is computed once for a request. The paper's k_j - c is a linear function of c and k_j,
// which the first layer has. Ids out of vocabulary have zero vectors and are left out; no history
// gives zeros. Memory: 2 (dim + widths) floats for each pair of a candidate and an item of its
// history. Only this room includes it.
#ifndef UPNEXT_RANKING_ATTENTION_H_
#define UPNEXT_RANKING_ATTENTION_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/rng.h"
#include "base/status.h"
#include "features/feature_block.h"
#include "features/model_shape.h"
#include "nn/dead_units.h"
#include "nn/dense.h"
#include "nn/embedding_table.h"
#include "nn/graph.h"
#include "nn/parameter.h"
#include "ranking/bottom.h"

namespace upnext::ranking {

// Of [ranking.attention].
struct AttentionOptions {
  std::vector<std::string> features = {};  // histories of the request; empty: no attention
  std::vector<size_t> widths = {32};       // hidden layers between a pair and its weight
  static AttentionOptions FromConfig(const base::ConfigTable& attention);
};

// A history, and the feature of the candidate that reads the same table.
struct AttendedHistory {
  size_t history;    // among the slots of the query side
  size_t candidate;  // among those of the impression side
};
// kInvalidArgument for a name that is no list of the request, or whose table no feature of the
// candidate reads, and for widths of layers that cannot be.
Result<std::vector<AttendedHistory>> FindHistories(const AttentionOptions& options,
                                                   const features::ModelShape& shape);

// The input of the net, for the columns that attention reads and writes.
struct AttentionInput {
  const features::Bags& history;       // by request
  std::span<const uint32_t> query_of;  // [rows]
  float* rows;                         // [rows, stride]
  size_t stride, candidate, out;       // columns: of the candidate's embedding, and of the result
};

// The same as tensors of a graph.
struct AttentionValues {
  nn::Graph::Value history;    // ids [requests, length], filled up with 0
  nn::Graph::Value query_of;   // [rows]
  nn::Graph::Value candidate;  // its embedding, [rows, dim]
};

class Attention {
 public:
  Attention(size_t dim, const std::vector<size_t>& widths, base::Rng& rng);

  // Of one candidate with one item of its history.
  size_t multiplications() const;
  // Numbers in the weights, without making one.
  static double WeightsOf(size_t dim, const std::vector<size_t>& widths);

  // Buffers of one thread, grown when needed.
  struct Work {
    std::vector<uint32_t> ids;                         // of the histories, one after the other
    std::vector<uint32_t> key_of, row_of;              // [pairs]: among `ids`; of the input
    std::vector<float> keys;                           // [ids, dim]
    std::vector<float> candidates;                     // [rows, dim]
    std::vector<float> products;                       // [pairs, dim]
    std::vector<float> hidden, of_candidate, weights;  // [pairs, width], the same, [pairs]
    SplitLinear::Scratch pair, candidate;
    nn::Tower::Scratch rest;
  };
  // Writes the columns `out`. The input must stay valid until Backward.
  void Forward(const nn::EmbeddingTable& table, const AttentionInput& input,
               const nn::Compute& compute);
  // After Forward. d_rows, of the shape of input.rows: reads the columns `out`, adds to those of the
  // candidate.
  void Backward(const AttentionInput& input, float* d_rows, const nn::Compute& compute);
  // Of the last Backward: the ids of the histories and the gradient of their embeddings.
  std::span<const uint32_t> ids() const { return work_.ids; }
  const float* d_keys() const { return d_keys_.data(); }

  void Infer(const nn::EmbeddingTable& table, const AttentionInput& input, Work& work,
             const nn::Compute& compute) const;

  // The columns `out` as operations: [rows, dim].
  nn::Graph::Value AppendTo(nn::Graph& graph, const nn::EmbeddingTable& table,
                            const AttentionValues& input) const;

  void AppendParameters(std::string_view name, std::vector<nn::Parameter>& parameters);
  void AppendReluLayers(std::vector<nn::DeadUnits*>& layers);

 private:
  // Everything up to the first hidden layer.
  void FirstLayer(const nn::EmbeddingTable& table, const AttentionInput& input, Work& work,
                  const nn::Compute& compute) const;
  void WriteSums(const AttentionInput& input, const float* weights, const Work& work) const;
  NetInput Pairs(const Work& work) const;
  NetInput Candidates(const Work& work) const;

  size_t dim_;
  SplitLinear pair_;       // W_k, W_p and b: a key is what several pairs share
  SplitLinear candidate_;  // W_c: so is a candidate
  nn::Tower rest_;
  nn::DeadUnits dead_units_;
  Work work_;  // of the last Forward
  std::vector<float> d_keys_, d_candidates_, d_products_, d_hidden_, d_weights_;
};

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_ATTENTION_H_
