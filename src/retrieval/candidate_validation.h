// NDCG@10 of a candidate model on the held-out cases of a part, for early stopping. Items watched
// before are not ranked; every other item of the vocabulary is. Only this room includes it.
//
//   CandidateValidation validation(source, tables, Part::kValidation, 10'000, pool);
//   double ndcg = validation.Ndcg(model, compute);          NaN without cases
#ifndef UPNEXT_RETRIEVAL_CANDIDATE_VALIDATION_H_
#define UPNEXT_RETRIEVAL_CANDIDATE_VALIDATION_H_

#include <cstdint>
#include <vector>

#include "base/thread_pool.h"
#include "examples/replay.h"
#include "features/extract.h"
#include "features/feature_statistics.h"
#include "nn/parameter.h"
#include "retrieval/candidate_model.h"

namespace upnext::retrieval {

class CandidateValidation {
 public:
  // Makes the inputs once; at most `max_users` of the cases, evenly spread over users.
  CandidateValidation(const examples::ReplaySource& source,
                      const features::FeatureStatistics& tables, examples::SplitPart part,
                      uint32_t max_users, base::ThreadPool& pool);
  // compute.pool must be the pool of the constructor's kind: not null.
  double Ndcg(const CandidateModel& model, const nn::Compute& compute) const;
  size_t cases() const { return cases_; }

 private:
  // Inputs of up to kBlock cases, with the rows that count and the rows that were seen of each.
  struct Block {
    features::CandidateBatch batch;
    std::vector<std::vector<uint32_t>> targets, seen;  // sorted rows; targets may hold row 0
  };
  std::vector<Block> blocks_;
  size_t cases_ = 0;
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_CANDIDATE_VALIDATION_H_
