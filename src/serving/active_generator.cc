#include "serving/active_generator.h"

#include <algorithm>
#include <utility>

#include "catalogue/catalogue.h"
#include "schema/event.h"

namespace upnext::serving {

using schema::IdSpace;

// The reason is that of the first generator that found the item by the one being watched, else by
// another one, else of the first.
Recommendation Describe(const RequestContext& context, std::span<const ActiveGenerator> generators,
                        PooledCandidate candidate) {
  const catalogue::Catalogue& catalogue = context.catalogue;
  Recommendation out;
  out.item = candidate.item;
  out.id = catalogue.Name(IdSpace::kItem, candidate.item);
  out.title = catalogue.item(candidate.item).title;
  out.score = candidate.score;
  if (!context.expressions.boosts.empty()) out.boost = candidate.boost;
  if (const double factor = context.Rotated(candidate.item); factor != 1) out.rotated = factor;
  if (const double factor = context.lowered.Factor(candidate.item); factor != 1) {
    out.lowered = factor;
  }
  out.place_by_score = candidate.place_by_score;
  out.by = candidate.by;
  auto named = std::ranges::find_if(candidate.sources, [&](const auto& source) {
    return context.IsFromCurrent(source.candidate);
  });
  if (named == candidate.sources.end()) {
    named = std::ranges::find_if(candidate.sources, [](const auto& source) {
      return source.candidate.from != schema::kNone;
    });
  }
  const auto& why = named != candidate.sources.end() ? *named : candidate.sources.front();
  out.reason = generators[why.generator].generator.Reason(context.ToPropose(), why.candidate);
  for (const PooledCandidate::Source& source : candidate.sources) {
    out.sources.push_back({std::string(generators[source.generator].name),
                           static_cast<double>(source.candidate.score),
                           catalogue.Name(IdSpace::kItem, source.candidate.from)});
  }
  out.propensity = candidate.propensity;
  out.predictions = std::move(candidate.predictions);
  return out;
}

}  // namespace upnext::serving
