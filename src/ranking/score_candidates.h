// What a ranking model predicts for the candidates of one request, and their scores: serving and evaluation
// order a feed by the same numbers.
//
//   CandidateScratch scratch;
//   UPNEXT_RETURN_IF_ERROR(
//       ScoreCandidates(model, features, {state, user, context}, candidates, exponents, scratch));
//   scratch.scores[c], scratch.predictions[c * objectives + k]
//
// A pure function but for the scratch: any number of threads with one each.
#ifndef UPNEXT_RANKING_SCORE_CANDIDATES_H_
#define UPNEXT_RANKING_SCORE_CANDIDATES_H_

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "features/feature_block.h"
#include "features/feature_extractor.h"
#include "features/request_context.h"
#include "features/user_state.h"
#include "ranking/ranking_model.h"

namespace upnext::ranking {

// For whom, as features::FeatureExtractor reads it.
struct FeedRequest {
  const features::UserState& state;
  uint32_t user;
  const features::Context& context;
};

// Buffers, and what came out; for one ranker and one thread at a time.
struct CandidateScratch {
  std::vector<float> predictions;  // [candidates, objectives]
  std::vector<double> scores;      // [candidates]
  features::FeatureBlock query, impressions;
  RankerScratch ranker;
  std::vector<uint32_t> query_of;
};

// The rows of a request and its candidates, in the scratch.
void ExtractCandidates(const features::FeatureExtractor& features, const FeedRequest& request,
                       std::span<const features::Candidate> candidates, CandidateScratch& scratch);
// Predictions and scores of the rows in the scratch. exponents [objectives]. Fails as the model's
// Predict.
Status ScoreExtracted(const RankingModel& ranker, std::span<const float> exponents,
                      CandidateScratch& scratch);
// Both. `features` are those of features::Model::kRanking; exponents [objectives].
Status ScoreCandidates(const RankingModel& ranker, const features::FeatureExtractor& features,
                       const FeedRequest& request, std::span<const features::Candidate> candidates,
                       std::span<const float> exponents, CandidateScratch& scratch);

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_SCORE_CANDIDATES_H_
