#include "retrieval/bag_encoder.h"

#include <utility>

#include "base/rng.h"
#include "features/feature_block.h"
#include "retrieval/user_encoders.h"

namespace upnext::retrieval {
namespace {

struct BagScratch : EncoderScratch {
  BagTower::Work work;
};

}  // namespace

std::unique_ptr<UserEncoder> MakeBagEncoder(const CandidateModelOptions& options,
                                            const CandidateShape& shape,
                                            std::vector<nn::EmbeddingTable> tables,
                                            base::Rng& rng) {
  return std::make_unique<BagEncoder>(options, shape, std::move(tables), rng);
}

Status CheckBagEncoder(const CandidateModelOptions&, const CandidateShape&) { return Ok(); }

double WeightsOfBagEncoder(const CandidateModelOptions& options, const CandidateShape& shape) {
  return BagTower::WeightsOf(options, shape.inputs, /*skip=*/{});
}

BagEncoder::BagEncoder(const CandidateModelOptions& options, const CandidateShape& shape,
                       std::vector<nn::EmbeddingTable> tables, base::Rng& rng)
    : UserEncoder(std::move(tables)),
      tower_(options, shape.inputs, {.last_linear = options.depth == 0}, rng) {}

void BagEncoder::Encode(const features::FeatureBlock& batch, float* out,
                        std::unique_ptr<EncoderScratch>& scratch,
                        const nn::Compute& compute) const {
  tower_.Encode(tables(), batch, out, ScratchOf<BagScratch>(scratch).work, compute);
}

nn::Graph::Value BagEncoder::AppendTo(nn::Graph& graph, const std::vector<nn::BagInput>& bags,
                                      const nn::Graph::Value& numbers) const {
  return tower_.tower.AppendTo(graph, tower_.input.AppendTo(graph, tables(), bags, numbers));
}

void BagEncoder::AppendParameters(std::vector<nn::Parameter>& parameters) {
  tower_.AppendParameters(parameters);
}

std::unique_ptr<EncoderTraining> BagEncoder::MakeTraining(const EncoderDropout& dropout,
                                                          base::ThreadPool& pool) {
  return MakeBagTraining(&tower_, tables(), dropout, pool);
}

}  // namespace upnext::retrieval
