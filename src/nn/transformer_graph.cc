// Transformer as operations.
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "nn/transformer.h"

namespace upnext::nn {

Graph::Value Transformer::AppendTo(Graph& graph, Graph::Value x, const Graph::Value& shape,
                                   const Graph::Value& mask) const {
  using Value = Graph::Value;
  using Ints = std::vector<int64_t>;
  const auto op = [&](const char* name, std::vector<Value> inputs) {
    return graph.Op(name, std::move(inputs));
  };
  const auto dim = static_cast<int64_t>(options_.dim), heads = static_cast<int64_t>(options_.heads);
  const auto hidden = static_cast<int64_t>(options_.hidden);
  const auto columns = [&](const Value& y, int64_t begin, int64_t end) {
    return op("Slice", {y, graph.Ints({begin}), graph.Ints({end}), graph.Ints({1})});
  };
  const Value by_head =
      graph.Op("Concat", {shape, graph.Ints({heads, dim / heads})}, {{"axis", int64_t{0}}});
  const auto split = [&](const Value& y, Ints order) {
    return graph.Op("Transpose", {op("Reshape", {y, by_head})}, {{"perm", std::move(order)}});
  };
  const float scale = 1.0f / std::sqrt(static_cast<float>(options_.dim / options_.heads));
  for (const Block& block : blocks_) {
    const Value normal = block.before_attention.AppendTo(graph, x);
    const Value q = split(block.q.AppendTo(graph, normal), {0, 2, 1, 3});
    const Value kv = block.kv.AppendTo(graph, normal);
    const Value scores = op("MatMul", {q, split(columns(kv, 0, dim), {0, 2, 3, 1})});
    const Value weights =
        graph.Op("Softmax", {op("Add", {op("Mul", {scores, graph.Float(scale)}), mask})},
                 {{"axis", int64_t{-1}}});
    const Value mixed = op("MatMul", {weights, split(columns(kv, dim, 2 * dim), {0, 2, 1, 3})});
    const Value joined =
        op("Reshape",
           {graph.Op("Transpose", {mixed}, {{"perm", Ints{0, 2, 1, 3}}}), graph.Ints({-1, dim})});
    x = op("Add", {x, block.mix.AppendTo(graph, joined)});
    const Value gates = block.gate.AppendTo(graph, block.before_layer.AppendTo(graph, x));
    const Value gate = columns(gates, 0, hidden);
    const Value opened =
        op("Mul", {op("Mul", {gate, op("Sigmoid", {gate})}), columns(gates, hidden, 2 * hidden)});
    x = op("Add", {x, block.down.AppendTo(graph, opened)});
  }
  return last_.AppendTo(graph, x);
}

}  // namespace upnext::nn
