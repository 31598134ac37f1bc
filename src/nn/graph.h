// A network as a list of operations on named tensors: what a model computes when serving, for
// programs that run it elsewhere (export/). Operations and their meaning are those of ONNX, opset 17.
//
//   Graph graph;
//   const Graph::Value x = graph.Input("x", Graph::Type::kFloat, {"rows", "320"});
//   graph.Output("y", tower.AppendTo(graph, x), {"rows", "256"});
//   for (const Graph::Node& node : graph.nodes()) ...     in an order in which they can be computed
//
// Weights are views: the model outlives the graph. One thread.
#ifndef UPNEXT_NN_GRAPH_H_
#define UPNEXT_NN_GRAPH_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "nn/embedding_table.h"

namespace upnext::nn {

class Graph {
 public:
  static constexpr int64_t kOpset = 17;
  static constexpr int64_t kFloatCode = 1, kInt64Code = 7;  // of TensorProto.DataType
  using Value = std::string;                                // the name of a tensor; empty: none
  enum class Type : uint8_t { kFloat, kInt64 };
  // Sizes of a shape: a number, or the name of one that is known when the graph runs.
  using Shape = std::vector<std::string>;
  struct Port {
    Value name;
    Type type;
    Shape shape;
  };
  using Attributes =
      std::vector<std::pair<std::string, std::variant<int64_t, float, std::vector<int64_t>>>>;
  struct Node {
    std::string op;
    std::vector<Value> inputs;
    Value output;
    Attributes attributes;
  };
  struct Constant {
    Value name;
    std::vector<int64_t> shape;
    std::variant<std::span<const float>, std::vector<float>, std::vector<int64_t>> values;
  };

  Value Input(std::string name, Type type, Shape shape);
  // A view; the same view twice is one constant.
  Value Weights(std::span<const float> values, std::vector<int64_t> shape);
  Value Floats(std::vector<float> values, std::vector<int64_t> shape);
  Value Float(float value) { return Floats({value}, {}); }
  Value Ints(std::vector<int64_t> values);  // [values]
  Value Int(int64_t value);                 // a scalar
  Value Op(std::string op, std::vector<Value> inputs, Attributes attributes = {});
  void Output(std::string name, const Value& value, Shape shape);

  // Side by side: [rows, a], [rows, b] -> [rows, a + b]. Of one part: that part.
  Value Concat(const std::vector<Value>& parts);
  // x [rows, in] -> x W^T + b; weight [out, in], bias [out] or empty.
  Value Linear(const Value& x, std::span<const float> weight, std::span<const float> bias,
               size_t in);

  const std::vector<Port>& inputs() const { return inputs_; }
  const std::vector<Port>& outputs() const { return outputs_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<Constant>& constants() const { return constants_; }

 private:
  Value NewName(std::string_view what);
  std::vector<Port> inputs_, outputs_;
  std::vector<Node> nodes_;
  std::vector<Constant> constants_;
  std::map<const float*, Value> views_;
};

// Ids of a categorical feature, one row per request or impression. Single: `name` [rows], 0 without
// an id. List: `name` [rows, length], the newest last, filled up with 0 in front, and
// `name`.weights [rows, length], 0 where filled up. The length is at least 1.
struct BagInput {
  Graph::Value ids, weights;  // weights: of a list
};
BagInput AppendBagInput(Graph& graph, const std::string& name, const std::string& rows, bool list);
// Rows of an fp32 table: ids [...] -> [..., dim]; id 0 gives zeros. Ids beyond the last row are not
// allowed.
Graph::Value AppendRows(Graph& graph, const Graph::Value& ids, const EmbeddingTable& table);
// As EmbeddingTable::GatherMean of an fp32 table: [rows, dim]. Ids beyond the last row are not
// allowed.
Graph::Value AppendMean(Graph& graph, const BagInput& bag, const EmbeddingTable& table);

}  // namespace upnext::nn

#endif  // UPNEXT_NN_GRAPH_H_
