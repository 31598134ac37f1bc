// The list that a feed with a ranker shows a held-out user, of what the generators propose: in the
// order of the ranker's score, lowered by what the user dislikes, as serving/engine.h makes it.
//
//   const RankedFeed feed(subject, options.feed);
//   UPNEXT_ASSIGN_OR_RETURN(const std::vector<uint32_t> list, feed.InOrder(input, candidates, scratch));
//
// Immutable: any number of threads. The subject outlives it. Only this room includes it.
#ifndef UPNEXT_EVALUATION_RANKED_FEED_H_
#define UPNEXT_EVALUATION_RANKED_FEED_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/status.h"
#include "catalogue/catalogue.h"
#include "evaluation/evaluate.h"
#include "evaluation/retrieval_models.h"
#include "features/feature_extractor.h"
#include "features/feed_rule.h"
#include "features/request_context.h"
#include "ranking/score_candidates.h"

namespace upnext::evaluation {

class RankedFeed {
 public:
  // subject.ranker is not null.
  RankedFeed(const Subject& subject, const features::FeedRule& feed);
  // Best first. Candidates are each there once, with the generator that proposed them first. kInternal
  // when a prediction is not finite, else as the ranker fails.
  Result<std::vector<uint32_t>> InOrder(const CaseInput& input,
                                        std::span<const features::Candidate> candidates,
                                        ranking::CandidateScratch& scratch) const;

 private:
  const catalogue::Catalogue& catalogue_;
  const ranking::RankingModel& ranker_;
  const features::FeatureExtractor features_;
  const std::vector<float> exponents_;
  const std::optional<float> low_rating_;
};

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_RANKED_FEED_H_
