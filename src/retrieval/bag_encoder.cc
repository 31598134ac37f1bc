#include "retrieval/bag_encoder.h"

#include <utility>

#include "base/rng.h"
#include "features/feature_block.h"
#include "retrieval/user_encoders.h"

namespace upnext::retrieval {
namespace {

struct BagScratch : EncoderScratch {
  std::vector<features::Bags> windows;  // as CutWindows() leaves them
  std::vector<float> input;             // [batch, width]
  nn::Tower::Scratch tower;
};

}  // namespace

std::unique_ptr<UserEncoder> MakeBagEncoder(const CandidateModelOptions& options,
                                            const CandidateShape& shape,
                                            std::vector<nn::EmbeddingTable> tables,
                                            base::Rng& rng) {
  return std::make_unique<BagEncoder>(options, shape, std::move(tables), rng);
}

double WeightsOfBagEncoder(const CandidateModelOptions& options, const CandidateShape& shape) {
  double weights = 0, input = static_cast<double>(LayoutOf(options, shape.inputs).width);
  for (const size_t width : options.widths()) {
    weights += input * static_cast<double>(width);
    input = static_cast<double>(width);
  }
  return weights;
}

BagEncoder::BagEncoder(const CandidateModelOptions& options, const CandidateShape& shape,
                       std::vector<nn::EmbeddingTable> tables, base::Rng& rng)
    : UserEncoder(std::move(tables)),
      input_(options, shape.inputs, rng),
      tower_({.input = input_.layout().width,
              .widths = options.widths(),
              .last_linear = options.depth == 0},
             rng) {}

void BagEncoder::Encode(const features::FeatureBlock& batch, float* out,
                        std::unique_ptr<EncoderScratch>& scratch,
                        const nn::Compute& compute) const {
  constexpr size_t kGrain = 64;
  auto& work = ScratchOf<BagScratch>(scratch);
  const size_t width = input_.layout().width;
  work.input.resize(batch.rows * width);
  input_.CutWindows(batch, &work.windows);
  base::ParallelFor(compute.pool, batch.rows, kGrain, [&](size_t begin, size_t end) {
    input_.Build(tables(), batch, work.windows, begin, end, work.input.data() + begin * width);
  });
  tower_.Infer(work.input.data(), batch.rows, out, work.tower, compute);
}

nn::Graph::Value BagEncoder::AppendTo(nn::Graph& graph, const std::vector<nn::BagInput>& bags,
                                      const nn::Graph::Value& numbers) const {
  return tower_.AppendTo(graph, input_.AppendTo(graph, tables(), bags, numbers));
}

void BagEncoder::AppendParameters(std::vector<nn::Parameter>& parameters) {
  tower_.AppendParameters("tower", parameters);
  input_.AppendParameters(parameters);
}

}  // namespace upnext::retrieval
