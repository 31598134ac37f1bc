#include "serving/rank.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <utility>

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

namespace {

// As many candidates as the time left is enough for.
size_t Affordable(const EngineParts& parts, const StageClock& clock, size_t candidates) {
  const std::optional<double> left_ms = clock.LeftMs();
  if (!left_ms) return candidates;
  if (*left_ms <= 0) return 0;
  const double each_ms = parts.figures->rank_ms_each;
  if (each_ms * static_cast<double>(candidates) <= *left_ms) return candidates;
  return static_cast<size_t>(*left_ms / each_ms);
}

// Keeps the best `n` by retrieval, with those that have a place of their own; returns the others.
std::vector<PooledCandidate> KeepBest(const RequestContext& context, size_t n,
                                      std::vector<PooledCandidate>* candidates) {
  std::vector<PooledCandidate> kept, dropped;
  for (PooledCandidate& one : *candidates) {
    const bool keep = kept.size() < n || context.pinned.contains(one.item);
    (keep ? kept : dropped).push_back(std::move(one));
  }
  *candidates = std::move(kept);
  return dropped;
}

// Half of it is what was known before.
void LearnTime(const EngineParts& parts, double ms, size_t candidates) {
  if (candidates == 0) return;
  const double each_ms = ms / static_cast<double>(candidates);
  const double before = parts.figures->rank_ms_each;
  parts.figures->rank_ms_each = before == 0 ? each_ms : (before + each_ms) / 2;
}

std::vector<features::Candidate> ImpressionsOf(const EngineParts& parts,
                                               std::span<const PooledCandidate> candidates) {
  std::vector<uint32_t> source_ids;
  for (const ActiveGenerator& one : parts.generators) {
    source_ids.push_back(parts.catalogue.Find(schema::IdSpace::kSource, one.name));
  }
  std::vector<features::Candidate> impressions;
  for (const PooledCandidate& one : candidates) {
    const PooledCandidate::Source& first = one.sources.front();
    impressions.push_back({one.item, source_ids[first.generator], first.candidate.score});
  }
  return impressions;
}

// Why there are no scores to order by, "" when there are.
std::string ScoreOrSay(const EngineParts& parts, const RequestContext& context,
                       std::span<const PooledCandidate> candidates,
                       std::span<const float> exponents, ranking::CandidateScratch& scored,
                       StageClock& clock) {
  try {  // libraries throw, and memory may be short
    ranking::ExtractCandidates(parts.ranking_features,
                               {context.state, context.user, context.context},
                               ImpressionsOf(parts, candidates), scored);
    clock.End(kFeatures, candidates.size(), candidates.size());
    const Status scores = parts.score(*parts.bundle.ranker(), exponents, scored);
    if (!scores) return fmt::format("failed: {}", scores.error().message);
  } catch (const std::exception& error) {
    return fmt::format("failed: {}", error.what());
  }
  const auto is_number = [](double score) { return std::isfinite(score); };
  if (!std::ranges::all_of(scored.scores, is_number)) return "gave a score that is no number";
  return "";
}

}  // namespace

std::vector<PooledCandidate> Rank(const EngineParts& parts, const RequestContext& context,
                                  std::span<const float> exponents, EngineScratch& buffers,
                                  StageClock& clock, std::vector<PooledCandidate>* candidates,
                                  StageCounts* counts) {
  const size_t all = candidates->size(), affordable = Affordable(parts, clock, all);
  std::vector<PooledCandidate> dropped;
  if (affordable < all) {
    const bool any = affordable >= context.request.last();
    clock.Degrade(kRanker, fmt::format("{:.1f} ms were left, enough for {} of {} candidates: {}",
                                       *clock.LeftMs(), affordable, all,
                                       any ? "the best by retrieval were ranked"
                                           : "the order is that of retrieval"));
    // What was slow once may not be so any more, which is found out by ranking again.
    parts.figures->rank_ms_each = parts.figures->rank_ms_each * 0.9;
    if (!any) return dropped;
    dropped = KeepBest(context, affordable, candidates);
  }
  const StageClock::TimePoint begun = clock.now();
  ranking::CandidateScratch& scored = buffers.ranked;
  const std::string failure = ScoreOrSay(parts, context, *candidates, exponents, scored, clock);
  if (!failure.empty()) {
    clock.Degrade(kRanker, failure + ": the order is that of retrieval");
    for (PooledCandidate& one : dropped) candidates->push_back(std::move(one));
    clock.End(kRanker, all, 0);
    return {};
  }
  const size_t tasks = exponents.size();
  for (size_t i = 0; i < candidates->size(); ++i) {
    const auto row = std::span(scored.predictions).subspan(i * tasks, tasks);
    (*candidates)[i].predictions.assign(row.begin(), row.end());
    (*candidates)[i].score = scored.scores[i];
  }
  LearnTime(parts, clock.MillisecondsFrom(begun), candidates->size());
  counts->ranked = static_cast<uint32_t>(candidates->size());
  counts->queries = static_cast<uint32_t>(scored.query.rows);
  clock.End(kRanker, all, candidates->size());
  return dropped;
}

}  // namespace upnext::serving
