// The paper's user encoder (Covington 2016, section 3): pooled bags of watches and query tokens,
// region, device, age, gender, login and example age side by side -> ReLU tower -> user vector. Made
// by the registry (user_encoder.h); only its own files include this one.
#ifndef UPNEXT_RETRIEVAL_BAG_ENCODER_H_
#define UPNEXT_RETRIEVAL_BAG_ENCODER_H_

#include <memory>
#include <vector>

#include "base/rng.h"
#include "features/feature_block.h"
#include "nn/embedding_table.h"
#include "retrieval/bag_tower.h"
#include "retrieval/user_encoder.h"

namespace upnext::retrieval {

class BagEncoder : public UserEncoder {
 public:
  BagEncoder(const CandidateModelOptions& options, const CandidateShape& shape,
             std::vector<nn::EmbeddingTable> tables, base::Rng& rng);
  void Encode(const features::FeatureBlock& batch, float* out,
              std::unique_ptr<EncoderScratch>& scratch, const nn::Compute& compute) const override;
  nn::Graph::Value AppendTo(nn::Graph& graph, const std::vector<nn::BagInput>& bags,
                            const nn::Graph::Value& numbers) const override;
  void AppendParameters(std::vector<nn::Parameter>& parameters) override;
  size_t multiplications() const override { return tower_.tower.multiplications(); }
  std::unique_ptr<EncoderTraining> MakeTraining(const EncoderDropout& dropout,
                                                base::ThreadPool& pool) override;

 private:
  BagTower tower_;
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_BAG_ENCODER_H_
