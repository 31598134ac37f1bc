#include "interchange/onnx.h"

#include <algorithm>
#include <charconv>
#include <protozero/pbf_writer.hpp>
#include <span>

namespace upnext::interchange {
namespace {

using nn::Graph;
using protozero::pbf_writer;

// Field numbers, by message.
namespace model {
constexpr uint32_t kIrVersion = 1, kProducer = 2, kProducerVersion = 3, kGraph = 7, kOpsets = 8;
}
namespace opset {
constexpr uint32_t kDomain = 1, kVersion = 2;
}
namespace graph_proto {
constexpr uint32_t kNode = 1, kName = 2, kInitializer = 5, kInput = 11, kOutput = 12;
}
namespace node_proto {
constexpr uint32_t kInput = 1, kOutput = 2, kName = 3, kOp = 4, kAttribute = 5;
}
namespace attribute_proto {
constexpr uint32_t kName = 1, kFloat = 2, kInt = 3, kInts = 8, kType = 20;
constexpr int32_t kTypeFloat = 1, kTypeInt = 2, kTypeInts = 7;
}  // namespace attribute_proto
namespace tensor_proto {
constexpr uint32_t kDims = 1, kType = 2, kName = 8, kRaw = 9;
}
namespace value_info {
constexpr uint32_t kName = 1, kType = 2;
}
namespace type_proto {
constexpr uint32_t kTensor = 1, kElement = 1, kShape = 2, kDim = 1, kDimValue = 1, kDimName = 2;
}

constexpr size_t kMostBytes = (size_t{1} << 31) - (size_t{1} << 20);  // of weights

int32_t Code(Graph::Type type) {
  return static_cast<int32_t>(type == Graph::Type::kFloat ? Graph::kFloatCode : Graph::kInt64Code);
}

std::string_view Bytes(const Graph::Constant& constant) {
  return std::visit(
      [](const auto& values) {
        const auto bytes = std::as_bytes(std::span(values));
        return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      },
      constant.values);
}

void WriteConstant(const Graph::Constant& constant, pbf_writer& graph) {
  pbf_writer tensor(graph, graph_proto::kInitializer);
  for (const int64_t size : constant.shape) tensor.add_int64(tensor_proto::kDims, size);
  const bool ints = std::holds_alternative<std::vector<int64_t>>(constant.values);
  tensor.add_int32(tensor_proto::kType, Code(ints ? Graph::Type::kInt64 : Graph::Type::kFloat));
  tensor.add_string(tensor_proto::kName, constant.name);
  const std::string_view raw = Bytes(constant);  // little endian, as this program runs
  tensor.add_bytes(tensor_proto::kRaw, raw.data(), raw.size());
}

void WriteNode(const Graph::Node& op, pbf_writer& graph) {
  pbf_writer node(graph, graph_proto::kNode);
  for (const Graph::Value& input : op.inputs) node.add_string(node_proto::kInput, input);
  node.add_string(node_proto::kOutput, op.output);
  node.add_string(node_proto::kName, op.output);
  node.add_string(node_proto::kOp, op.op);
  for (const auto& [name, value] : op.attributes) {
    pbf_writer attribute(node, node_proto::kAttribute);
    attribute.add_string(attribute_proto::kName, name);
    if (const float* const number = std::get_if<float>(&value)) {
      attribute.add_float(attribute_proto::kFloat, *number);
      attribute.add_int32(attribute_proto::kType, attribute_proto::kTypeFloat);
    } else if (const int64_t* const integer = std::get_if<int64_t>(&value)) {
      attribute.add_int64(attribute_proto::kInt, *integer);
      attribute.add_int32(attribute_proto::kType, attribute_proto::kTypeInt);
    } else {
      for (const int64_t one : std::get<std::vector<int64_t>>(value)) {
        attribute.add_int64(attribute_proto::kInts, one);
      }
      attribute.add_int32(attribute_proto::kType, attribute_proto::kTypeInts);
    }
  }
}

void WritePort(const Graph::Port& port, uint32_t field, pbf_writer& graph) {
  pbf_writer info(graph, field);
  info.add_string(value_info::kName, port.name);
  pbf_writer type(info, value_info::kType);
  pbf_writer tensor(type, type_proto::kTensor);
  tensor.add_int32(type_proto::kElement, Code(port.type));
  pbf_writer shape(tensor, type_proto::kShape);
  for (const std::string& size : port.shape) {
    pbf_writer dim(shape, type_proto::kDim);
    int64_t number = 0;
    const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), number);
    if (error == std::errc() && end == size.data() + size.size()) {
      dim.add_int64(type_proto::kDimValue, number);
    } else {
      dim.add_string(type_proto::kDimName, size);
    }
  }
}

}  // namespace

Result<std::string> EncodeOnnx(const Graph& graph, std::string_view name) {
  size_t weights = 0;
  for (const Graph::Constant& constant : graph.constants()) weights += Bytes(constant).size();
  if (weights > kMostBytes) {
    return InvalidArgument(
        "the {} has {} bytes of weights, more than the 2 GiB of an ONNX file; train one with fewer "
        "dimensions or smaller vocabularies",
        name, weights);
  }
  std::string bytes;
  pbf_writer writer(bytes);  // a message within it is complete when its own writer is gone
  writer.add_int64(model::kIrVersion, kOnnxIrVersion);
  writer.add_string(model::kProducer, "upnext");
  writer.add_string(model::kProducerVersion, UPNEXT_VERSION);
  {
    pbf_writer body(writer, model::kGraph);
    body.reserve(weights + weights / 64);
    for (const Graph::Node& node : graph.nodes()) WriteNode(node, body);
    body.add_string(graph_proto::kName, std::string(name));
    for (const Graph::Constant& constant : graph.constants()) WriteConstant(constant, body);
    for (const Graph::Port& port : graph.inputs()) WritePort(port, graph_proto::kInput, body);
    for (const Graph::Port& port : graph.outputs()) WritePort(port, graph_proto::kOutput, body);
  }
  {
    pbf_writer operators(writer, model::kOpsets);
    operators.add_string(opset::kDomain, "");
    operators.add_int64(opset::kVersion, Graph::kOpset);
  }
  return bytes;
}

}  // namespace upnext::interchange
