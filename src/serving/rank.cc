#include "serving/rank.h"

#include <cstdint>
#include <optional>
#include <string>

#include "features/request_context.h"
#include "ranking/score.h"
#include "schema/event.h"

namespace upnext::serving {

Result<std::vector<float>> ExponentsFor(const EngineParts& parts, const Request& request,
                                        const Scenario& scenario) {
  const bool has_ranker = parts.bundle.ranker() != nullptr;
  if (request.score && request.stage == Stage::kRetrieval) {
    return InvalidArgument(
        "score: expected none with the stage retrieval, whose order has no exponents");
  }
  if (request.score && !has_ranker) {
    return InvalidArgument("score: expected none, since this bundle has no ranker");
  }
  const std::optional<std::string>& score = request.score ? request.score : scenario.score;
  if (!score || !has_ranker) return ranking::ExponentsOf(parts.objectives());
  UPNEXT_ASSIGN_OR_RETURN(const auto weights, ranking::ParseScoreWeights(*score));
  return ranking::ExponentsOf(weights, parts.objectives());
}

void Rank(const EngineParts& parts, const RequestContext& context, std::span<const float> exponents,
          EngineScratch& buffers, std::vector<PooledCandidate>* candidates, StageCounts* counts) {
  std::vector<uint32_t> source_ids;
  for (const ActiveGenerator& one : parts.generators) {
    source_ids.push_back(parts.catalogue.Find(schema::IdSpace::kSource, one.name));
  }
  std::vector<features::Candidate> impressions;
  for (const PooledCandidate& one : *candidates) {
    const PooledCandidate::Source& first = one.sources.front();
    impressions.push_back({one.item, source_ids[first.generator], first.candidate.score});
  }
  ranking::CandidateScratch& scored = buffers.ranked;
  ranking::ScoreCandidates(*parts.bundle.ranker(), parts.ranking_features,
                           {context.state, context.user, context.context}, impressions, exponents,
                           scored);
  const size_t tasks = exponents.size();
  for (size_t i = 0; i < candidates->size(); ++i) {
    const auto row = std::span(scored.predictions).subspan(i * tasks, tasks);
    (*candidates)[i].predictions.assign(row.begin(), row.end());
    (*candidates)[i].score = scored.scores[i];
  }
  counts->ranked = static_cast<uint32_t>(candidates->size());
  counts->queries = static_cast<uint32_t>(scored.query.rows);
}

}  // namespace upnext::serving
