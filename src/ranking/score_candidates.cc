#include "ranking/score_candidates.h"

#include "ranking/score.h"

namespace upnext::ranking {

void ExtractCandidates(const features::FeatureExtractor& features, const FeedRequest& request,
                       std::span<const features::Candidate> candidates, CandidateScratch& scratch) {
  scratch.query.Clear();
  scratch.impressions.Clear();
  const auto of_request = features.For(request.state, request.user, request.context);
  of_request.AppendQuery(&scratch.query);
  for (const features::Candidate& candidate : candidates) {
    of_request.AppendImpression(candidate, &scratch.impressions);
  }
}

void ScoreExtracted(const Ranker& ranker, std::span<const float> exponents,
                    CandidateScratch& scratch) {
  const size_t objectives = ranker.objectives().size();
  const size_t candidates = scratch.impressions.rows;
  scratch.predictions.resize(candidates * objectives);
  scratch.query_of.assign(candidates, 0);
  ranker.Score(scratch.query, scratch.impressions, scratch.query_of, scratch.predictions.data(),
               scratch.ranker, {});
  scratch.scores.clear();
  for (size_t c = 0; c < candidates; ++c) {
    scratch.scores.push_back(CombinedScore(
        exponents, std::span(scratch.predictions).subspan(c * objectives, objectives)));
  }
}

void ScoreCandidates(const Ranker& ranker, const features::FeatureExtractor& features,
                     const FeedRequest& request, std::span<const features::Candidate> candidates,
                     std::span<const float> exponents, CandidateScratch& scratch) {
  ExtractCandidates(features, request, candidates, scratch);
  ScoreExtracted(ranker, exponents, scratch);
}

}  // namespace upnext::ranking
