#include "ranking/score_candidates.h"

#include "ranking/score.h"

namespace upnext::ranking {

void ScoreCandidates(const Ranker& ranker, const features::FeatureExtractor& features,
                     const FeedRequest& request, std::span<const features::Candidate> candidates,
                     std::span<const float> exponents, CandidateScratch& scratch) {
  scratch.query.Clear();
  scratch.impressions.Clear();
  features.AppendQuery(request.state, request.user, request.context, &scratch.query);
  const auto rows = features.For(request.state, request.user, request.context);
  for (const features::Candidate& candidate : candidates) {
    rows.AppendImpression(candidate, &scratch.impressions);
  }
  const size_t objectives = ranker.objectives().size();
  scratch.predictions.resize(candidates.size() * objectives);
  scratch.query_of.assign(candidates.size(), 0);
  ranker.Score(scratch.query, scratch.impressions, scratch.query_of, scratch.predictions.data(),
               scratch.ranker, {});
  scratch.scores.clear();
  for (size_t c = 0; c < candidates.size(); ++c) {
    scratch.scores.push_back(CombinedScore(
        exponents, std::span(scratch.predictions).subspan(c * objectives, objectives)));
  }
}

}  // namespace upnext::ranking
