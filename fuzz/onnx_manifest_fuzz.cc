// The manifest of a network of others, and what it asks of the features: docs/formats/onnx_ranker.md.
#include <vector>

#include "features/feature_block.h"
#include "features/feature_plan.h"
#include "features/feature_statistics.h"
#include "fuzz/harness.h"
#include "onnx/inputs.h"
#include "onnx/manifest.h"
#include "onnx/tensor_model.h"

namespace upnext {
namespace {

// One row in which everything is missing.
features::FeatureBlock RowOf(const features::SidePlan& plan) {
  features::FeatureBlock block;
  block.categorical.resize(plan.categories.size());
  for (features::Bags& bags : block.categorical) bags.Close();
  block.raw_width = plan.raw_width;
  block.dense_width = plan.dense_width;
  block.raw.resize(plan.raw_width);
  block.dense.resize(plan.dense_width);
  block.rows = 1;
  return block;
}

}  // namespace
}  // namespace upnext

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace upnext;
  const auto manifest = onnx::Manifest::Parse(fuzz::TextOf(data, size), "model.json");
  if (!manifest) {
    FUZZ_REQUIRE(manifest.error().code == Code::kInvalidArgument, "a mistake of whoever wrote it");
    return 0;
  }
  FUZZ_REQUIRE(!manifest->features.empty() && !manifest->inputs.empty(), "all keys are there");
  std::vector<onnx::TensorPort> ports;
  for (const onnx::Input& input : manifest->inputs) {
    FUZZ_REQUIRE(input.columns.empty() != input.list.empty(), "columns or a list");
    FUZZ_REQUIRE(input.list.empty() == (input.length == 0), "a list has a length");
    const auto type = static_cast<onnx::TensorType>(ports.size() % 4);
    ports.push_back({input.name.empty() ? "x" : input.name, type, "", {-1, -1}});
  }
  static const features::FeatureStatistics tables;
  const auto inputs =
      onnx::Inputs::Bind(manifest->inputs, ports, tables.plan, onnx::RowsOf(tables));
  if (!inputs) return 0;
  using features::Side;
  const auto plan = [&](Side side) { return tables.plan.side(features::Model::kRanking, side); };
  const std::vector<uint32_t> query_of = {0};
  const auto tensors =
      inputs->Make(RowOf(plan(Side::kQuery)), RowOf(plan(Side::kImpression)), query_of);
  FUZZ_REQUIRE(tensors.size() == ports.size(), "a tensor for each input");
  fuzz::Accepted();
  return 0;
}
