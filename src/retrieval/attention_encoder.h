// Causal self-attention over the newest watches in their order (Kang and McAuley 2018, with the blocks
// of nn/transformer.h), plus a tower over all other features. A place is the sum of the embeddings of its
// item and of what other lists say of the same event. Made by the registry (user_encoder.h); only its
// own files include this one.
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
  // What a place is made of: slots of the query and the tables of their rows. The first is the list of
  // items.
  struct PlaceList {
    size_t slot, table;
  };
  std::vector<const features::Bags*> ListsOf(const features::FeatureBlock& batch) const {
    std::vector<const features::Bags*> lists;
    for (const PlaceList& list : lists_) lists.push_back(&batch.categorical[list.slot]);
    return lists;
  }
  // x [places, dim] = scaled embeddings of the lists + positions.
  void Embed(const SequenceBatch& sequences, std::vector<float>* x,
             const nn::Compute& compute) const;

  size_t dim_, longest_;
  std::vector<PlaceList> lists_;
  float scale_;                                       // of embeddings
  std::vector<float> positions_, position_gradient_;  // [longest_ + 1, dim]
  nn::Transformer transformer_;
  std::optional<BagTower> side_;  // without other features: none
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_ATTENTION_ENCODER_H_
