#include "retrieval/continue_generator.h"

#include <ranges>

#include "features/user_state.h"

namespace upnext::retrieval {

Result<std::unique_ptr<const Generator>> ContinueGenerator::Load(LoadInput) {
  return std::make_unique<ContinueGenerator>();
}

void ContinueGenerator::Propose(const ProposeRequest& request, size_t n, const ItemFilter& filter,
                                std::vector<Candidate>* out) const {
  const size_t end = out->size() + n;
  float score = 0;
  for (const features::TimedId& one : request.state.viewed() | std::views::reverse) {
    if (out->size() == end) return;
    if (!request.state.HasStarted(one.id) || !filter.Admits(one.id)) continue;
    out->push_back({one.id, score--});
  }
}

std::string ContinueGenerator::Reason(const ProposeRequest&, const Candidate&) const {
  return "you opened it and did not finish it";
}

}  // namespace upnext::retrieval
