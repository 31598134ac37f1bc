// The features of a block as one row of floats: pooled lists, embeddings of single ids, numbers.
// The one place where features become numbers, for training and serving alike.
//
//   BagInput input(options, shape.inputs, /*skip=*/{}, rng);
//   input.CutWindows(batch, &windows);
//   input.Build(tables, batch, windows, 0, batch.rows, out);     // [rows, layout().width]
//
// Build is const: any number of threads.
#ifndef UPNEXT_RETRIEVAL_BAG_INPUT_H_
#define UPNEXT_RETRIEVAL_BAG_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/rng.h"
#include "features/feature_block.h"
#include "features/model_shape.h"
#include "kernels/embedding.h"
#include "nn/embedding_table.h"
#include "nn/graph.h"
#include "nn/parameter.h"
#include "retrieval/bag_pooling.h"
#include "retrieval/candidate_options.h"

namespace upnext::retrieval {

// Where each feature stands in the row, in floats: embeddings, then numbers.
struct CandidateLayout {
  struct Input {
    size_t slot;    // of the block's categorical features
    size_t table;   // of the shape
    size_t window;  // 0: all ids; else the index, from 1, of the recent window that it is cut to
    size_t offset, dim;
    bool list;
  };
  std::vector<Input> inputs;
  size_t dense = 0, width = 0;
};
// Without the slots `skip`.
CandidateLayout LayoutOf(const CandidateModelOptions& options, const features::ModelShape& inputs,
                         std::span<const size_t> skip = {});

class BagInput {
 public:
  BagInput(const CandidateModelOptions& options, const features::ModelShape& inputs,
           std::span<const size_t> skip, base::Rng& rng);
  const CandidateLayout& layout() const { return layout_; }
  size_t numbers() const { return layout_.width - layout_.dense; }

  // By layout().inputs; empty for those that read all ids.
  void CutWindows(const features::FeatureBlock& batch, std::vector<features::Bags>* windows) const;
  // Examples [begin, end) -> [end - begin, layout().width]. `windows` as CutWindows() leaves them.
  void Build(std::span<const nn::EmbeddingTable> tables, const features::FeatureBlock& batch,
             std::span<const features::Bags> windows, size_t begin, size_t end, float* input) const;
  nn::Graph::Value AppendTo(nn::Graph& graph, std::span<const nn::EmbeddingTable> tables,
                            const std::vector<nn::BagInput>& bags,
                            const nn::Graph::Value& numbers) const;
  // "pooling.FEATURE", with its window if it has one: the queries of attention.
  void AppendParameters(std::vector<nn::Parameter>& parameters);

  // The ids of an input.
  const features::Bags& BagsOf(const features::FeatureBlock& batch,
                               std::span<const features::Bags> windows, size_t input) const {
    const CandidateLayout::Input& at = layout_.inputs[input];
    return at.window > 0 ? windows[input] : batch.categorical[at.slot];
  }
  // Single ids are means of one.
  Pooling kind(size_t input) const {
    return layout_.inputs[input].list ? pooling_ : Pooling::kMean;
  }
  BagPooling PoolingOf(std::span<const nn::EmbeddingTable> tables, size_t input) const {
    return {.kind = kind(input),
            .table = tables[layout_.inputs[input].table],
            .query = queries_[input].value};
  }
  std::span<float> query_gradient(size_t input) { return queries_[input].gradient; }

 private:
  struct Query {  // of attention; else empty
    std::string name;
    std::vector<float> value, gradient;
  };
  CandidateLayout layout_;
  Pooling pooling_;
  std::vector<uint32_t> recent_windows_;
  std::vector<Query> queries_;  // by layout().inputs
};

// The newest `window` ids of every bag (bags hold the oldest first).
void NewestOfBags(const features::Bags& bags, uint32_t window, features::Bags* newest);
inline kernels::BagsView View(const features::Bags& bags) {
  return {bags.ids, bags.offsets, bags.weights};
}
inline kernels::BagsView View(const features::Bags& bags, size_t begin, size_t end) {
  return {bags.ids, std::span(bags.offsets).subspan(begin, end - begin + 1), bags.weights};
}

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_BAG_INPUT_H_
