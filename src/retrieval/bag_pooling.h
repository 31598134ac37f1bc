// How the embeddings of a list become one vector, for the encoder of bags. Only this room includes
// it.
//
//   const BagPooling pooling{.kind = Pooling::kMax, .table = table, .query = {}};
//   pooling.Gather(bags, out, stride);                           // out [bags, dim]
//   pooling.Backward(bags, d_out, stride, d_ids, d_query);       // after it; d_ids [ids, dim]
//
// Views; any number of threads on disjoint outputs.
#ifndef UPNEXT_RETRIEVAL_BAG_POOLING_H_
#define UPNEXT_RETRIEVAL_BAG_POOLING_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "kernels/embedding.h"
#include "nn/embedding_table.h"
#include "nn/graph.h"

namespace upnext::retrieval {

// CG-02, CG-04: the mean of the paper, the sum, the component-wise maximum, and a weighted mean whose
// weights are the softmax of the inner products of the embeddings with a learned query. All but the
// maximum follow the weights of the ids. An empty list gives zeros; ids out of vocabulary count in
// the denominator of a mean alone.
enum class Pooling : uint8_t { kMean, kSum, kMax, kAttention };
inline constexpr std::string_view kPoolings[] = {"mean", "sum", "max", "attention"};

// Whether the gradient of each id is another than that of the pooled vector times a number.
inline bool HasRowGradients(Pooling pooling) { return pooling >= Pooling::kMax; }

struct BagPooling {
  Pooling kind = Pooling::kMean;
  const nn::EmbeddingTable& table;
  std::span<const float> query = {};  // [dim] of kAttention

  // out [bags, stride], of which dim floats are written.
  void Gather(const kernels::BagsView& bags, float* out, size_t stride) const;
  // Of kinds with HasRowGradients. d_out [bags, stride]. Overwrites d_ids [ids, dim], which begins at
  // ids[bags.offsets[0]], and adds to d_query [dim].
  void Backward(const kernels::BagsView& bags, const float* d_out, size_t stride, float* d_ids,
                float* d_query) const;
  // Gather as operations.
  nn::Graph::Value AppendTo(nn::Graph& graph, const nn::BagInput& bag) const;
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_BAG_POOLING_H_
