#include "interchange/onnx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <protozero/pbf_reader.hpp>
#include <set>
#include <string>
#include <vector>

#include "ranking/test_batches.h"

namespace upnext::interchange {
namespace {

using protozero::pbf_reader;
using testing::IsSubsetOf;

// What a reader of the format needs to run a network, read by field number alone.
struct ReadNode {
  std::string op;
  std::vector<std::string> inputs, outputs;
};
struct ReadModel {
  int64_t ir_version = 0, opset = 0;
  std::vector<ReadNode> nodes;
  std::map<std::string, size_t> constants;  // values that each should have, minus those it has
  std::vector<std::string> inputs, outputs;
};

void ReadConstant(pbf_reader tensor, ReadModel* model) {
  std::string name;
  size_t values = 1, bytes = 0, value_bytes = 0;
  while (tensor.next()) {
    switch (tensor.tag()) {
      case 1:
        values *= static_cast<size_t>(tensor.get_int64());
        break;
      case 2:
        value_bytes = tensor.get_int32() == 1 ? 4 : 8;
        break;
      case 8:
        name = tensor.get_string();
        break;
      case 9:
        bytes = tensor.get_view().size();
        break;
      default:
        ADD_FAILURE() << "field " << tensor.tag() << " of a tensor";
        tensor.skip();
    }
  }
  EXPECT_TRUE(model->constants.emplace(name, values * value_bytes - bytes).second) << name;
}

ReadNode NodeOf(pbf_reader reader) {
  ReadNode node;
  while (reader.next()) {
    if (reader.tag() == 1) {
      node.inputs.push_back(reader.get_string());
    } else if (reader.tag() == 2) {
      node.outputs.push_back(reader.get_string());
    } else if (reader.tag() == 4) {
      node.op = reader.get_string();
    } else {
      reader.skip();
    }
  }
  return node;
}

std::string NameOf(pbf_reader port) { return port.next(1) ? port.get_string() : ""; }

ReadModel Read(const std::string& bytes) {
  ReadModel model;
  pbf_reader reader(bytes);
  while (reader.next()) {
    if (reader.tag() == 1) {
      model.ir_version = reader.get_int64();
    } else if (reader.tag() == 8) {
      pbf_reader opset = reader.get_message();
      EXPECT_TRUE(opset.next(2));
      model.opset = opset.get_int64();
    } else if (reader.tag() == 7) {
      pbf_reader graph = reader.get_message();
      while (graph.next()) {
        if (graph.tag() == 1) {
          model.nodes.push_back(NodeOf(graph.get_message()));
        } else if (graph.tag() == 5) {
          ReadConstant(graph.get_message(), &model);
        } else if (graph.tag() == 11 || graph.tag() == 12) {
          auto& ports = graph.tag() == 11 ? model.inputs : model.outputs;
          ports.push_back(NameOf(graph.get_message()));
        } else {
          graph.skip();
        }
      }
    } else {
      reader.skip();
    }
  }
  return model;
}

// Every tensor has one source, which stands before what reads it.
void ExpectRunnable(const ReadModel& model) {
  EXPECT_EQ(model.ir_version, 8);
  EXPECT_EQ(model.opset, 17);
  std::set<std::string> known(model.inputs.begin(), model.inputs.end());
  EXPECT_EQ(known.size(), model.inputs.size());
  for (const auto& [name, lacking] : model.constants) {
    EXPECT_EQ(lacking, 0u) << name;
    EXPECT_TRUE(known.insert(name).second) << name;
  }
  std::set<std::string> ops;
  for (const ReadNode& node : model.nodes) {
    ops.insert(node.op);
    for (const std::string& input : node.inputs) EXPECT_TRUE(known.contains(input)) << input;
    for (const std::string& out : node.outputs) EXPECT_TRUE(known.insert(out).second) << out;
  }
  for (const std::string& output : model.outputs) EXPECT_TRUE(known.contains(output)) << output;
  EXPECT_THAT(
      ops, IsSubsetOf(
               {"Add",         "Cast",      "Clip",    "Concat",  "Div",      "Exp",
                "Expand",      "Gather",    "Gemm",    "Greater", "Identity", "LayerNormalization",
                "LessOrEqual", "Log",       "MatMul",  "Max",     "Mul",      "ReduceSum",
                "Relu",        "Shape",     "Sigmoid", "Slice",   "Softmax",  "Squeeze",
                "Sub",         "Unsqueeze", "Where"}));
}

TEST(Onnx, ARankerOfEveryArchitectureIsRunnable) {
  for (const std::string& name : ranking::ArchitectureNames()) {
    for (const auto method : {ranking::BiasMethod::kTower, ranking::BiasMethod::kInput}) {
      std::vector<ranking::Objective> objectives = ranking::AllObjectives();
      objectives[1].position_bias = true;
      const ranking::Ranker ranker =
          ranking::MakeRanker({.architecture = {.name = name,
                                                .widths = {6},
                                                .levels = 2,
                                                .expert_layer = ranking::ExpertLayer::kNormSilu,
                                                .gates_on_input = name == "mmoe"},
                               .bias = {.method = method}},
                              objectives);
      nn::Graph graph;
      ranker.AppendTo(graph);
      const Result<std::string> bytes = EncodeOnnx(graph, name);
      ASSERT_TRUE(bytes) << bytes.error().message;
      const ReadModel model = Read(*bytes);
      SCOPED_TRACE(name);
      ExpectRunnable(model);
      ASSERT_EQ(model.outputs.size(), objectives.size() + 1);
      EXPECT_EQ(model.outputs[0], "prediction.watch");
      EXPECT_EQ(model.outputs.back(), "score");
    }
  }
}

// Features of one vocabulary share its table.
TEST(Onnx, ATableIsWrittenOnce) {
  const ranking::Ranker ranker =
      ranking::MakeRanker({}, {ranking::WatchObjective()}, ranking::SmallShape(1000));
  nn::Graph graph;
  ranker.AppendTo(graph);
  const Result<std::string> bytes = EncodeOnnx(graph, "ranker");
  ASSERT_TRUE(bytes);
  EXPECT_LT(bytes->size(), 1.2 * sizeof(float) * static_cast<double>(ranker.parameters()));
}

TEST(Onnx, MoreThanAProtocolBufferHoldsIsRefused) {
  nn::Graph graph;
  const float one = 1;
  // Never read.
  graph.Weights({&one, size_t{1} << 29}, {int64_t{1} << 29});
  const Result<std::string> bytes = EncodeOnnx(graph, "ranker");
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace upnext::interchange
