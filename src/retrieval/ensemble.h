// The user encoder of an ensemble: candidate models of one shape whose vectors stand side by side, so
// that inner products of the whole are sums of those of its members. Made by CandidateModel::Join and
// Load alone.
//
//   JoinedEncoder encoder(std::move(members));
//   encoder.Encode(batch, out, scratch, compute);         // [batch.rows, sum of the members' dims]
//
// Its members are trained, before they are joined; the whole is not. Threads as any encoder.
#ifndef UPNEXT_RETRIEVAL_ENSEMBLE_H_
#define UPNEXT_RETRIEVAL_ENSEMBLE_H_

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "features/feature_block.h"
#include "nn/embedding_table.h"
#include "retrieval/candidate_model.h"
#include "retrieval/user_encoder.h"

namespace upnext::retrieval {

class JoinedEncoder : public UserEncoder {
 public:
  explicit JoinedEncoder(std::vector<CandidateModel> members);
  std::span<CandidateModel> members() { return members_; }
  std::span<const CandidateModel> members() const { return members_; }
  // The members' item vectors side by side, row by row.
  nn::EmbeddingTable ItemVectors() const;

  void Encode(const features::FeatureBlock& batch, float* out,
              std::unique_ptr<EncoderScratch>& scratch, const nn::Compute& compute) const override;
  nn::Graph::Value AppendTo(nn::Graph& graph, const std::vector<nn::BagInput>& bags,
                            const nn::Graph::Value& numbers) const override;
  // All of the members, tables too: "0.embedding.item" is that of the first.
  void AppendParameters(std::vector<nn::Parameter>& parameters) override;
  size_t multiplications() const override;
  // Null.
  std::unique_ptr<EncoderTraining> MakeTraining(const EncoderDropout& dropout,
                                                base::ThreadPool& pool) override;

 private:
  size_t width() const;  // of its vectors
  std::vector<CandidateModel> members_;
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_ENSEMBLE_H_
