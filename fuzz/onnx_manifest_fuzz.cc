// The manifest of a network of others, read as that of a ranker and as that of a user encoder, and what
// it asks of the features: docs/formats/onnx_ranker.md, onnx_encoder.md.
#include <string_view>
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

// Whether it is a manifest of such a network whose columns exist.
bool Fits(std::string_view text, onnx::Of of) {
  const auto manifest = onnx::Manifest::Parse(text, "model.json", of);
  if (!manifest) {
    FUZZ_REQUIRE(manifest.error().code == Code::kInvalidArgument, "a mistake of whoever wrote it");
    return false;
  }
  FUZZ_REQUIRE(!manifest->features.empty() && !manifest->inputs.empty(), "all keys are there");
  const bool ranker = of == onnx::Of::kRanker;
  FUZZ_REQUIRE(manifest->outputs.empty() != ranker && manifest->items.empty() == ranker,
               "the keys are those of such a network");
  std::vector<onnx::TensorPort> ports;
  for (const onnx::Input& input : manifest->inputs) {
    FUZZ_REQUIRE(input.columns.empty() != input.list.empty(), "columns or a list");
    FUZZ_REQUIRE(input.list.empty() == (input.length == 0), "a list has a length");
    const auto type = static_cast<onnx::TensorType>(ports.size() % 4);
    ports.push_back({input.name.empty() ? "x" : input.name, type, "", {-1, -1}});
  }
  static const features::FeatureStatistics tables;
  const auto inputs =
      onnx::Inputs::Bind(manifest->inputs, ports, tables.plan, onnx::RowsOf(tables), of);
  if (!inputs) return false;
  using features::Model;
  using features::Side;
  const auto row = [&](Model model, Side side) { return RowOf(tables.plan.side(model, side)); };
  const std::vector<uint32_t> query_of = {0};
  const auto tensors = ranker ? inputs->Make(row(Model::kRanking, Side::kQuery),
                                             row(Model::kRanking, Side::kImpression), query_of)
                              : inputs->Make(row(Model::kRetrieval, Side::kQuery));
  FUZZ_REQUIRE(tensors.size() == ports.size(), "a tensor for each input");
  return true;
}

}  // namespace
}  // namespace upnext

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace upnext;
  const std::string_view text = fuzz::TextOf(data, size);
  const bool ranker = Fits(text, onnx::Of::kRanker), encoder = Fits(text, onnx::Of::kUserEncoder);
  FUZZ_REQUIRE(!ranker || !encoder, "they have other keys");
  if (ranker || encoder) fuzz::Accepted();
  return 0;
}
