#include "serving/re_ranker.h"

#include <algorithm>
#include <array>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "retrieval/feed_order.h"
#include "retrieval/live_slots.h"

namespace upnext::serving {
namespace {

using retrieval::WorthOfPlace;

// Without a ranker. Two kinds of lists are combined by places (feed_order.h), since the scores of
// different generators cannot be compared: the candidates in their order for the user's history, and what each generator proposed for the item being watched.
// Worth is then lowered by what the user dislikes, and multiplied by boosts.
std::vector<double> WorthWithoutRanker(const RequestContext& request,
                                       std::span<const PooledCandidate> candidates) {
  struct Proposal {
    size_t generator;
    float score;
    size_t candidate;
  };
  std::vector<double> worth(candidates.size(), 0);
  std::vector<Proposal> for_current;
  size_t place = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    bool for_history = false;
    for (const PooledCandidate::Source& source : candidates[i].sources) {
      if (request.IsFromCurrent(source.candidate)) {
        for_current.push_back({source.generator, source.candidate.score, i});
      } else {
        for_history = true;
      }
    }
    if (for_history) worth[i] += WorthOfPlace(place++);
  }
  std::ranges::sort(for_current, [](const Proposal& a, const Proposal& b) {
    if (a.generator != b.generator) return a.generator < b.generator;
    return a.score != b.score ? a.score > b.score : a.candidate < b.candidate;
  });
  for (size_t i = 0; i < for_current.size(); ++i) {
    const bool is_first = i == 0 || for_current[i].generator != for_current[i - 1].generator;
    place = is_first ? 0 : place + 1;
    worth[for_current[i].candidate] += WorthOfPlace(place);
  }
  for (size_t i = 0; i < candidates.size(); ++i) {
    const uint32_t item = candidates[i].item;
    worth[i] *= request.lowered.Factor(item) * candidates[i].boost * request.Rotated(item);
  }
  return worth;
}

// An item in a slot gets the score of its place, so that scores descend as before.
void FillLiveSlots(const RequestContext& request, std::vector<PooledCandidate>* candidates) {
  std::vector<size_t> live_places;
  for (const PooledCandidate& one : *candidates) {
    const bool is_lowered =
        request.lowered.Factor(one.item) < 1 || one.boost < 1 || request.Rotated(one.item) < 1;
    live_places.push_back(is_lowered ? retrieval::kNoLivePlace : one.live_place);
  }
  std::vector<PooledCandidate> in_order;
  for (const size_t i : retrieval::WithLiveSlots(live_places, request.rules.live_every)) {
    const double score = (*candidates)[in_order.size()].score;
    in_order.push_back(std::move((*candidates)[i]));
    in_order.back().score = score;
  }
  *candidates = std::move(in_order);
}

// By score. Without a ranker candidates stay in the order in
// which they were proposed, unless the item being watched, what the user dislikes or a boost changes it, and
// some places are for what is chosen now (retrieval/live_slots.h).
class ByScore : public ReRanker {
 public:
  static std::unique_ptr<const ReRanker> Make() { return std::make_unique<ByScore>(); }
  void ReRank(const RequestContext& request,
              std::vector<PooledCandidate>* candidates) const override {
    const bool is_ranked = !candidates->empty() && !candidates->front().predictions.empty();
    if (is_ranked) {
      for (PooledCandidate& one : *candidates) {
        one.score *= request.lowered.Factor(one.item) * one.boost * request.Rotated(one.item);
      }
      std::ranges::sort(*candidates, [](const PooledCandidate& a, const PooledCandidate& b) {
        return a.score != b.score ? a.score > b.score : a.item < b.item;
      });
    } else if (request.request.stage == Stage::kRanking &&
               (!request.lowered.empty() || !request.expressions.boosts.empty() ||
                !request.rotated.empty() || AnyFromCurrent(request, *candidates))) {
      const std::vector<double> worth = WorthWithoutRanker(request, *candidates);
      for (size_t i = 0; i < worth.size(); ++i) (*candidates)[i].score = worth[i];
      std::ranges::stable_sort(*candidates, std::ranges::greater(), &PooledCandidate::score);
    }
    if (!is_ranked && request.request.stage == Stage::kRanking && request.rules.live_every > 0) {
      FillLiveSlots(request, candidates);
    }
  }

 private:
  static bool AnyFromCurrent(const RequestContext& request,
                             std::span<const PooledCandidate> candidates) {
    return std::ranges::any_of(candidates, [&](const PooledCandidate& one) {
      return std::ranges::any_of(one.sources, [&](const PooledCandidate::Source& source) {
        return request.IsFromCurrent(source.candidate);
      });
    });
  }
};

}  // namespace

ReRankerRegistry BuiltInReRankers() {
  static constexpr auto kReRankers = std::to_array<ReRankerEntry>({
      {"score", ByScore::Make},
  });
  return kReRankers;
}

}  // namespace upnext::serving
