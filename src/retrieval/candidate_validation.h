// NDCG@10 of a candidate model on the held-out cases of a part, for early stopping. All items of
// the vocabulary are ranked except those that a feed leaves out; a target among those is a miss. Only
// this room includes it.
//
//   CandidateValidation validation(source, tables, SplitPart::kValidation, feed, 10'000, pool);
//   double ndcg = validation.Ndcg(model, compute);          NaN without cases
#ifndef UPNEXT_RETRIEVAL_CANDIDATE_VALIDATION_H_
#define UPNEXT_RETRIEVAL_CANDIDATE_VALIDATION_H_

#include <cstdint>
#include <vector>

#include "base/thread_pool.h"
#include "examples/replay.h"
#include "features/feature_block.h"
#include "features/feature_statistics.h"
#include "features/feed_rule.h"
#include "nn/parameter.h"
#include "retrieval/candidate_model.h"

namespace upnext::retrieval {

class CandidateValidation {
 public:
  // `tables` must outlive it. Makes the inputs once; at most `max_users` of the cases, evenly spread over users.
  CandidateValidation(const examples::ReplaySource& source,
                      const features::FeatureStatistics& tables, examples::SplitPart part,
                      const features::FeedRule& feed, uint32_t max_users, base::ThreadPool& pool);
  // compute.pool must not be null.
  double Ndcg(const CandidateModel& model, const nn::Compute& compute) const;
  size_t cases() const { return cases_; }

 private:
  // Inputs of up to kBlock cases, with the items that count and those that are left out of each.
  struct Block {
    features::FeatureBlock batch;
    std::vector<std::vector<uint32_t>> targets, hidden;  // sorted items
  };
  const features::Vocabulary& items_;
  std::vector<Block> blocks_;
  size_t cases_ = 0;
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_CANDIDATE_VALIDATION_H_
