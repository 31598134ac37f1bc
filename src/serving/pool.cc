#include "serving/pool.h"

namespace upnext::serving {

bool CandidatePool::Mention(uint32_t item, size_t place) {
  ++counts_.proposed;
  const bool is_first = index_.try_emplace(item, place).second;
  counts_.distinct += is_first ? 1 : 0;
  return is_first;
}

bool CandidatePool::Admits(uint32_t item) {
  const std::optional<size_t> filter = LeftOutBy(filters_, item, request_);
  if (filter) LeaveOut(item, *filter);
  return !filter;
}

void CandidatePool::LeaveOut(uint32_t item, size_t filter) {
  if (!Mention(item, kLeftOut)) return;
  ++counts_.filtered[filter].items;
  if (request_.request.explain) left_out_.push_back({item, filter});
}

void CandidatePool::Add(size_t generator, std::span<const retrieval::Candidate> candidates) {
  for (size_t place = 0; place < candidates.size(); ++place) {
    const retrieval::Candidate& candidate = candidates[place];
    if (Mention(candidate.item, items_.size())) {
      items_.push_back({.item = candidate.item, .sources = {}});
      ++counts_.after_filters;
    }
    // An item that is changed during the request may be proposed and be left out for another generator.
    const size_t at = index_[candidate.item];
    if (at != kLeftOut) items_[at].sources.push_back({generator, candidate, place});
  }
}

}  // namespace upnext::serving
