#include "serving/propose.h"

#include <algorithm>
#include <functional>

#include "features/vocabulary.h"
#include "retrieval/feed_order.h"
#include "serving/generator_stage.h"

namespace upnext::serving {
namespace {

// What the scenario pins at this time, as far as the filters admit it.
void AddPins(const EngineParts& parts, const RequestContext& context, CandidatePool* pool) {
  for (const auto& [item, place] : context.pinned) {
    const retrieval::Candidate candidate{.item = item, .score = 0};
    if (pool->Admits(item)) pool->Add(parts.generators.size() - 1, {&candidate, 1});
  }
}

// Those that neither the candidate model knows, of which there is one, nor a list of the order has.
void MarkLive(const EngineParts& parts, std::vector<PooledCandidate>* candidates) {
  const features::Vocabulary& known = parts.bundle.tables().vocabulary(features::kItemVocabulary);
  for (PooledCandidate& one : *candidates) {
    const bool has_place = std::ranges::any_of(one.sources, [&](const auto& source) {
      return source.generator == parts.lead || parts.generators[source.generator].weight > 0;
    });
    if (has_place || parts.bundle.candidate()->Knows(known.Row(one.item))) continue;
    for (const PooledCandidate::Source& source : one.sources) {
      if (parts.generators[source.generator].generator.IsLive()) one.live_place = source.place;
    }
  }
}

}  // namespace

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

Proposals Propose(const EngineParts& parts, const std::shared_ptr<const OwnedRequest>& request,
                  const Found* found, EngineScratch& buffers, StageClock& clock,
                  StageCounts* counts) {
  const RequestContext& context = request->context;
  for (const std::string_view name : parts.filter_names) counts->filtered.push_back({name});
  CandidatePool pool(parts.filters, context, counts);
  AskGenerators(parts, request, found, pool, clock, &buffers.asked);
  Proposals out;
  size_t proposed = 0;
  for (size_t g = 0; g < parts.generators.size(); ++g) {
    const Asked& one = buffers.asked[g];
    if (!one.was_asked) continue;
    pool.Add(g, one.candidates);
    if (parts.generators[g].generator.IsLive()) {
      counts->live.insert(counts->live.end(), one.candidates.begin(), one.candidates.end());
    }
    proposed += one.candidates.size();
    out.generators.push_back(
        {parts.generators[g].name, one.ms, static_cast<uint32_t>(one.candidates.size())});
  }
  clock.End(kGenerators, out.generators.size(), proposed);
  AddPins(parts, context, &pool);
  out.candidates = pool.Take();
  out.left_out = pool.TakeLeftOut();
  OrderOfRetrieval(parts, &out.candidates);
  if (parts.live_every > 0) MarkLive(parts, &out.candidates);
  clock.End(kPool, proposed, out.candidates.size());
  return out;
}

}  // namespace upnext::serving
