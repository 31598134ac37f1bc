// What an architecture reads: numbers of requests and of their candidates, apart. Views.
#ifndef UPNEXT_RANKING_NET_INPUT_H_
#define UPNEXT_RANKING_NET_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "nn/graph.h"

namespace upnext::ranking {

struct NetWidths {
  size_t query = 0, impression = 0;  // numbers of one; either may be 0
};

struct NetInput {
  const float* queries = nullptr;  // [query_rows, query]
  size_t query_rows = 0;
  const float* impressions = nullptr;       // [rows(), impression]
  std::span<const uint32_t> query_of = {};  // [rows()]: row of `queries`
  size_t rows() const { return query_of.size(); }
};

// An input as tensors of a graph; empty where a side has no numbers.
struct NetValues {
  nn::Graph::Value queries;      // [query_rows, query]
  nn::Graph::Value impressions;  // [rows, impression]
  nn::Graph::Value query_of;     // [rows]
};

// The gradient of an input, in the same shapes.
struct NetGradient {
  float* queries = nullptr;
  float* impressions = nullptr;
  // Read, not written: a gradient of the shared hidden layer besides that of the logits, [rows,
  // Architecture::shared_width()]. Null: none.
  const float* shared = nullptr;
};

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_NET_INPUT_H_
