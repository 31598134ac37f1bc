#include "retrieval/bag_tower.h"

namespace upnext::retrieval {

BagTower::BagTower(const CandidateModelOptions& options, const features::ModelShape& inputs,
                   const BagTowerOptions& tower_options, base::Rng& rng)
    : input(options, inputs, tower_options.skip, rng),
      tower({.input = input.layout().width,
             .widths = options.widths(),
             .last_linear = tower_options.last_linear},
            rng) {}

void BagTower::Encode(std::span<const nn::EmbeddingTable> tables,
                      const features::FeatureBlock& batch, float* out, Work& work,
                      const nn::Compute& compute) const {
  constexpr size_t kGrain = 64;
  const size_t width = input.layout().width;
  work.input.resize(batch.rows * width);
  input.CutWindows(batch, &work.windows);
  base::ParallelFor(compute.pool, batch.rows, kGrain, [&](size_t begin, size_t end) {
    input.Build(tables, batch, work.windows, begin, end, work.input.data() + begin * width);
  });
  tower.Infer(work.input.data(), batch.rows, out, work.tower, compute);
}

void BagTower::AppendParameters(std::vector<nn::Parameter>& parameters) {
  tower.AppendParameters("tower", parameters);
  input.AppendParameters(parameters);
}

double BagTower::WeightsOf(const CandidateModelOptions& options, const features::ModelShape& inputs,
                           std::span<const size_t> skip) {
  double weights = 0, width = static_cast<double>(LayoutOf(options, inputs, skip).width);
  for (const size_t next : options.widths()) {
    weights += width * static_cast<double>(next);
    width = static_cast<double>(next);
  }
  return weights;
}

}  // namespace upnext::retrieval
