#include "nn/graph.h"

#include <fmt/format.h>

#include <algorithm>

namespace upnext::nn {
namespace {

constexpr float kLeastWeight = 1e-30f;  // of a list, so that an empty one gives zeros

}  // namespace

Graph::Value Graph::NewName(std::string_view what) {
  return fmt::format("{}.{}", what, nodes_.size() + constants_.size());
}

Graph::Value Graph::Input(std::string name, Type type, Shape shape) {
  inputs_.push_back({std::move(name), type, std::move(shape)});
  return inputs_.back().name;
}

Graph::Value Graph::Weights(std::span<const float> values, std::vector<int64_t> shape) {
  const auto [view, added] = views_.try_emplace(values.data(), NewName("weights"));
  if (added) constants_.push_back({view->second, std::move(shape), values});
  return view->second;
}

Graph::Value Graph::Floats(std::vector<float> values, std::vector<int64_t> shape) {
  constants_.push_back({NewName("floats"), std::move(shape), std::move(values)});
  return constants_.back().name;
}

Graph::Value Graph::Ints(std::vector<int64_t> values) {
  const auto size = static_cast<int64_t>(values.size());
  constants_.push_back({NewName("ints"), {size}, std::move(values)});
  return constants_.back().name;
}

Graph::Value Graph::Int(int64_t value) {
  constants_.push_back({NewName("int"), {}, std::vector{value}});
  return constants_.back().name;
}

Graph::Value Graph::Op(std::string op, std::vector<Value> inputs, Attributes attributes) {
  Value output = NewName(op);
  nodes_.push_back({std::move(op), std::move(inputs), output, std::move(attributes)});
  return output;
}

void Graph::Output(std::string name, const Value& value, Shape shape) {
  nodes_.push_back({"Identity", {value}, name, {}});
  outputs_.push_back({std::move(name), Type::kFloat, std::move(shape)});
}

Graph::Value Graph::Concat(const std::vector<Value>& parts) {
  return parts.size() == 1 ? parts[0] : Op("Concat", parts, {{"axis", int64_t{1}}});
}

Graph::Value Graph::Linear(const Value& x, std::span<const float> weight,
                           std::span<const float> bias, size_t in) {
  const auto columns = static_cast<int64_t>(in);
  const auto rows = static_cast<int64_t>(weight.size() / in);
  std::vector<Value> inputs = {x, Weights(weight, {rows, columns})};
  if (!bias.empty()) inputs.push_back(Weights(bias, {rows}));
  return Op("Gemm", std::move(inputs), {{"transB", int64_t{1}}});
}

BagInput AppendBagInput(Graph& graph, const std::string& name, const std::string& rows, bool list) {
  using Type = Graph::Type;
  if (!list) return {graph.Input(name, Type::kInt64, {rows}), {}};
  const Graph::Shape shape = {rows, name + ".length"};
  return {graph.Input(name, Type::kInt64, shape),
          graph.Input(name + ".weights", Type::kFloat, shape)};
}

Graph::Value AppendRows(Graph& graph, const Graph::Value& ids, const EmbeddingTable& table) {
  const auto view = table.view();
  const Graph::Value values =
      graph.Weights({view.data, view.rows * view.dim},
                    {static_cast<int64_t>(view.rows), static_cast<int64_t>(view.dim)});
  return graph.Op("Gather", {values, ids});
}

Graph::Value AppendMean(Graph& graph, const BagInput& bag, const EmbeddingTable& table) {
  const Graph::Value rows = AppendRows(graph, bag.ids, table);
  if (bag.weights.empty()) return rows;
  const Graph::Value axis = graph.Ints({1});
  const Graph::Value weights = graph.Op("Unsqueeze", {bag.weights, axis});  // [rows, 1, length]
  const Graph::Value sum = graph.Op("Squeeze", {graph.Op("MatMul", {weights, rows}), axis});
  const Graph::Value total = graph.Op("ReduceSum", {bag.weights, axis});  // [rows, 1]
  return graph.Op("Div", {sum, graph.Op("Max", {total, graph.Float(kLeastWeight)})});
}

}  // namespace upnext::nn
