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

Status ScoreExtracted(const RankingModel& ranker, std::span<const float> exponents,
                      CandidateScratch& scratch) {
  const size_t objectives = ranker.objectives().size();
  const size_t candidates = scratch.impressions.rows;
  scratch.predictions.resize(candidates * objectives);
  scratch.query_of.assign(candidates, 0);
  UPNEXT_RETURN_IF_ERROR(ranker.Predict(scratch.query, scratch.impressions, scratch.query_of,
                                        scratch.predictions.data(), scratch.ranker, {}));
  scratch.scores.clear();
  for (size_t c = 0; c < candidates; ++c) {
    scratch.scores.push_back(CombinedScore(
        exponents, std::span(scratch.predictions).subspan(c * objectives, objectives)));
  }
  return Ok();
}

Status ScoreCandidates(const RankingModel& ranker, const features::FeatureExtractor& features,
                       const FeedRequest& request, std::span<const features::Candidate> candidates,
                       std::span<const float> exponents, CandidateScratch& scratch) {
  ExtractCandidates(features, request, candidates, scratch);
  return ScoreExtracted(ranker, exponents, scratch);
}

}  // namespace upnext::ranking
