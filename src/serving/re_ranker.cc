#include "serving/re_ranker.h"

#include <algorithm>
#include <array>

namespace upnext::serving {
namespace {

// The best by score, as many as were asked for. Without a ranker the scores of different generators
// cannot be compared, so candidates stay in the order in which they were proposed.
class ByScore : public ReRanker {
 public:
  static std::unique_ptr<const ReRanker> Make() { return std::make_unique<ByScore>(); }
  void ReRank(const RequestContext& request,
              std::vector<PooledCandidate>* candidates) const override {
    const bool is_ranked = !candidates->empty() && !candidates->front().predictions.empty();
    if (is_ranked) {
      std::ranges::sort(*candidates, [](const PooledCandidate& a, const PooledCandidate& b) {
        return a.score != b.score ? a.score > b.score : a.item < b.item;
      });
    }
    if (candidates->size() > request.request.n) {
      candidates->erase(candidates->begin() + request.request.n, candidates->end());
    }
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
