#include "serving/propose.h"

#include <algorithm>
#include <functional>

#include "features/vocabulary.h"
#include "retrieval/feed_order.h"

namespace upnext::serving {
namespace {

// What the scenario pins at this time, as far as the filters admit it.
void AddPins(const EngineParts& parts, const RequestContext& context, CandidatePool* pool) {
  for (const auto& [item, place] : context.pinned) {
    const retrieval::Candidate candidate{.item = item, .score = 0};
    if (pool->Admits(item)) pool->Add(parts.generators.size() - 1, {&candidate, 1});
  }
}

// Those that neither the model knows nor a list of the order has.
void MarkLive(const EngineParts& parts, std::vector<PooledCandidate>* candidates) {
  const features::Vocabulary& known = parts.bundle.tables().vocabulary(features::kItemVocabulary);
  for (PooledCandidate& one : *candidates) {
    const bool has_place = std::ranges::any_of(one.sources, [&](const auto& source) {
      return source.generator == parts.lead || parts.generators[source.generator].weight > 0;
    });
    if (has_place || known.Row(one.item) != 0) continue;
    for (const PooledCandidate::Source& source : one.sources) {
      if (parts.generators[source.generator].generator.IsLive()) one.live_place = source.place;
    }
  }
}

// Where the bundle has no order of its own, candidates stay as they were proposed.
void OrderOfRetrieval(const EngineParts& parts, std::vector<PooledCandidate>* candidates) {
  for (PooledCandidate& one : *candidates) {
    one.score = static_cast<double>(one.sources.front().candidate.score);
    if (!parts.reorders) continue;
    one.score = 0;
    for (const PooledCandidate::Source& source : one.sources) {
      one.score +=
          parts.generators[source.generator].weight * retrieval::WorthOfPlace(source.place);
    }
  }
  if (parts.reorders) {
    std::ranges::stable_sort(*candidates, std::ranges::greater(), &PooledCandidate::score);
  }
}

}  // namespace

std::vector<PooledCandidate> Propose(const EngineParts& parts, const RequestContext& context,
                                     const Found* found, EngineScratch& buffers,
                                     StageCounts* counts) {
  for (const std::string_view name : parts.filter_names) counts->filtered.push_back({name});
  CandidatePool pool(parts.filters, context, counts);
  auto admits = [&](uint32_t item) { return pool.Admits(item); };
  for (size_t g = 0; g < parts.generators.size(); ++g) {
    const size_t wanted = parts.Wanted(g, context.request, context.scenario);
    if (wanted == 0) continue;
    buffers.proposed.clear();
    if (found != nullptr) {
      for (const retrieval::Candidate& one : (*found)[g]) {
        if (buffers.proposed.size() == wanted) break;
        if (admits(one.item)) buffers.proposed.push_back(one);
      }
    }
    if (buffers.proposed.size() < wanted) {  // more than was found for the filters to leave enough
      buffers.proposed.clear();
      parts.generators[g].generator.Propose(context.ToPropose(), wanted,
                                            retrieval::ItemFilter(admits), &buffers.proposed);
    }
    pool.Add(g, buffers.proposed);
  }
  AddPins(parts, context, &pool);
  std::vector<PooledCandidate> candidates = pool.Take();
  OrderOfRetrieval(parts, &candidates);
  if (parts.live_every > 0) MarkLive(parts, &candidates);
  return candidates;
}

}  // namespace upnext::serving
