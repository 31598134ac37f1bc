#include "serving/given_items.h"

#include <algorithm>
#include <unordered_set>

#include "retrieval/generator.h"
#include "schema/event.h"
#include "serving/generator_stage.h"
#include "serving/propose.h"

namespace upnext::serving {

Proposals ProposeGiven(const EngineParts& parts, const RequestContext& context, StageClock& clock,
                       StageCounts* counts) {
  for (const std::string_view name : parts.filter_names) counts->filtered.push_back({name});
  CandidatePool pool(parts.filters, context, counts);
  std::vector<uint32_t> given;
  std::unordered_set<uint32_t> open;  // not in the pool yet
  for (const std::string& id : context.request.items) {
    const uint32_t item = parts.catalogue.Find(schema::IdSpace::kItem, id);
    if (item == schema::kNone || !open.insert(item).second) continue;
    if (pool.Admits(item)) given.push_back(item);
  }
  open = {given.begin(), given.end()};
  const bool ranks = context.request.stage == Stage::kRanking && parts.bundle.ranker() != nullptr;
  auto admits = [&](uint32_t item) { return open.contains(item); };
  for (size_t g = 0; g < parts.generators.size() && !ranks; ++g) {
    const bool leads = g == parts.lead || parts.generators[g].weight > 0;
    if (!leads || given.empty()) continue;
    std::vector<retrieval::Candidate> proposed;
    const std::string failure =
        ProposeOrSay(parts.generators[g].generator, context.ToPropose(), given.size(),
                     retrieval::ItemFilter(admits), &proposed);
    if (!failure.empty()) clock.Degrade(kGenerators, failure, parts.generators[g].name);
    pool.Add(g, proposed);
  }
  Proposals out;
  std::vector<PooledCandidate>& candidates = out.candidates;
  candidates = pool.Take();
  out.left_out = pool.TakeLeftOut();
  for (const PooledCandidate& one : candidates) open.erase(one.item);
  OrderOfRetrieval(parts, &candidates);
  const size_t by_hand = parts.generators.size() - 2;  // "given", see EngineParts
  for (size_t place = 0; place < given.size(); ++place) {
    if (!open.contains(given[place])) continue;
    candidates.push_back(
        {.item = given[place], .sources = {{by_hand, {.item = given[place], .score = 0}, place}}});
    ++counts->distinct;
    ++counts->proposed;
    ++counts->after_filters;
  }
  clock.End(kPool, context.request.items.size(), candidates.size());
  return out;
}

}  // namespace upnext::serving
