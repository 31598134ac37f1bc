#include "evaluation/ranked_feed.h"

#include <algorithm>
#include <cmath>

#include "ranking/score.h"
#include "retrieval/lowered.h"

namespace upnext::evaluation {

RankedFeed::RankedFeed(const Subject& subject, const features::FeedRule& feed)
    : catalogue_(subject.source.catalogue),
      ranker_(*subject.ranker),
      features_(subject.tables, catalogue_, features::Model::kRanking),
      exponents_(ranking::ExponentsOf(ranker_.objectives())),
      low_rating_(feed.LowRating(subject.source.log)) {}

Result<std::vector<uint32_t>> RankedFeed::InOrder(const CaseInput& input,
                                                  std::span<const features::Candidate> candidates,
                                                  ranking::CandidateScratch& scratch) const {
  UPNEXT_RETURN_IF_ERROR(ranking::ScoreCandidates(ranker_, features_,
                                                  {input.state, input.user, input.context},
                                                  candidates, exponents_, scratch));
  const auto finite = [](auto value) { return std::isfinite(value); };
  if (!std::ranges::all_of(scratch.predictions, finite) ||
      !std::ranges::all_of(scratch.scores, finite)) {
    return Internal(
        "the ranker predicts a number that is not finite for a candidate of a held-out user; its "
        "weights diverged: train again with a lower [ranking] learning_rate");
  }
  const retrieval::Lowered lowered(catalogue_, input.state, low_rating_);
  struct Scored {
    uint32_t item;
    double score;
  };
  std::vector<Scored> scored;
  for (size_t c = 0; c < candidates.size(); ++c) {
    const uint32_t item = candidates[c].item;
    scored.push_back({item, scratch.scores[c] * lowered.Factor(item)});
  }
  std::ranges::sort(scored, [](const Scored& a, const Scored& b) {
    return a.score != b.score ? a.score > b.score : a.item < b.item;
  });
  std::vector<uint32_t> items;
  for (const Scored& one : scored) items.push_back(one.item);
  return items;
}

}  // namespace upnext::evaluation
