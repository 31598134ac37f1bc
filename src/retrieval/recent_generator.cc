#include "retrieval/recent_generator.h"

#include <ranges>

#include "features/user_state.h"

namespace upnext::retrieval {

Status RecentGenerator::Propose(const ProposeRequest& request, size_t n, const ItemFilter& filter,
                                std::vector<Candidate>* out) const {
  const size_t end = out->size() + n;
  float score = 0;
  for (const features::TimedId& one : request.state.viewed() | std::views::reverse) {
    if (out->size() == end) return Ok();
    if (of_ == Of::kStarted && !request.state.HasStarted(one.id)) continue;
    if (filter.Admits(one.id)) out->push_back({one.id, score--});
  }
  return Ok();
}

std::string RecentGenerator::Reason(const ProposeRequest&, const Candidate&) const {
  return of_ == Of::kStarted ? "you opened it and did not finish it" : "you looked at it";
}

}  // namespace upnext::retrieval
