// Causal self-attention over the newest watches in their order (Kang and McAuley 2018, with the blocks
// of nn/transformer.h), plus a tower over all other features. Made by the registry (user_encoder.h);
// only its own files include this one.
//
// Training runs a sequence once and reads an output for each of its rows; serving runs the same code
// and reads the last place.
#ifndef UPNEXT_RETRIEVAL_ATTENTION_ENCODER_H_
#define UPNEXT_RETRIEVAL_ATTENTION_ENCODER_H_

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/rng.h"
#include "features/feature_block.h"
#include "nn/embedding_table.h"
#include "nn/transformer.h"
#include "retrieval/bag_tower.h"
#include "retrieval/sequence_batch.h"
#include "retrieval/user_encoder.h"

namespace upnext::retrieval {

class AttentionEncoder : public UserEncoder {
 public:
  AttentionEncoder(const CandidateModelOptions& options, const CandidateShape& shape,
                   std::vector<nn::EmbeddingTable> tables, base::Rng& rng);
  void Encode(const features::FeatureBlock& batch, float* out,
              std::unique_ptr<EncoderScratch>& scratch, const nn::Compute& compute) const override;
  nn::Graph::Value AppendTo(nn::Graph& graph, const std::vector<nn::BagInput>& bags,
                            const nn::Graph::Value& numbers) const override;
  void AppendParameters(std::vector<nn::Parameter>& parameters) override;
  size_t multiplications() const override;
  bool reads_sequences() const override { return true; }
  std::unique_ptr<EncoderTraining> MakeTraining(const EncoderDropout& dropout,
                                                base::ThreadPool& pool) override;

 private:
  friend class AttentionTraining;
  const features::Bags& HistoryOf(const features::FeatureBlock& batch) const {
    return history_ < batch.categorical.size() ? batch.categorical[history_] : no_history_;
  }
  // x [places, dim] = scaled embeddings of the items + positions.
  void Embed(const SequenceBatch& sequences, std::vector<float>* x,
             const nn::Compute& compute) const;

  size_t dim_, longest_, history_, table_;  // history_: a slot, or their number when there is none
  float scale_;                             // of embeddings
  std::vector<float> positions_, position_gradient_;  // [longest_ + 1, dim]
  nn::Transformer transformer_;
  std::optional<BagTower> side_;  // without other features: none
  features::Bags no_history_;
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_ATTENTION_ENCODER_H_
