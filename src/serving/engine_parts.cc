#include "serving/engine_parts.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "features/positive_rule.h"
#include "features/vocabulary.h"
#include "retrieval/feed_order.h"
#include "schema/schema.h"

namespace upnext::serving {
namespace {

// In the words of the bundle's positives and history.
retrieval::SiteVerb VerbOf(const bundle::Bundle& bundle, const EngineOptions& options) {
  const schema::Schema& schema = bundle.tables().plan.schema();
  const auto rule = features::PositiveRule::Parse(bundle.manifest().labels, schema);
  return rule ? options.verb.For(*rule, schema) : options.verb;
}

}  // namespace

EngineParts::EngineParts(const bundle::Bundle& b, const catalogue::Catalogue& c,
                         const EngineOptions& options, const EngineStages& stages,
                         const features::LiveCounts* counts)
    : bundle(b),
      catalogue(c),
      ranking_features(b.tables(), c, features::Model::kRanking),
      verb(VerbOf(b, options)),
      low_rating(options.feed.LowRating(c.log())),
      scenarios(options.scenarios),
      live(counts),
      new_items(b.candidate() == nullptr
                    ? nullptr
                    : retrieval::NewItemIndex::Make(*b.candidate(), b.tables(), c)),
      live_every(bundle.candidate() == nullptr ? 0 : options.live.every),
      score(stages.score),
      now(stages.now) {
  for (const Scenario& one : scenarios.all()) {
    expressions.push_back(
        SiteExpressions::Compile(one.expressions.value_or(options.expressions), c.schema()));
  }
  AddGenerators(options);
  StartSide();
  for (const FilterEntry& entry : stages.filters) {
    filter_names.push_back(entry.name);
    filters.push_back(entry.make(options));
  }
  for (const ReRankerEntry& entry : stages.re_rankers) re_rankers.push_back(entry.make());
  const uint32_t end = catalogue.posted_end(schema::Entity::kItem);
  for (uint32_t item = 0; item < end; ++item) SetPosted(item);
}

void EngineParts::AddGenerators(const EngineOptions& options) {
  for (const retrieval::LoadedGenerator& one : bundle.generators()) {
    const auto budget = options.budgets.find(one.name);
    const bool is_set = budget != options.budgets.end();
    const double weight = bundle.manifest().order.WeightOf(one.name);
    uint32_t candidates = is_set ? budget->second : one.candidates;
    if (weight > 0 && !is_set) candidates = std::max(candidates, retrieval::kOrderCandidates);
    const bool in_scenario = std::ranges::any_of(scenarios.all(), [&](const Scenario& scenario) {
      const auto set = scenario.budgets.find(one.name);
      return set != scenario.budgets.end() && set->second > 0;
    });
    if (candidates == 0 && !in_scenario) continue;
    if (candidates > 0 && lead == SIZE_MAX && one.generator->FillsSlate()) lead = generators.size();
    reorders |= weight > 0 && lead != generators.size();
    if (weight > 0 && one.generator->IsLive()) live_every = 0;  // its items have places
    const auto ms = options.generator_ms.find(one.name);
    generators.push_back({one.name, candidates, *one.generator, weight,
                          ms == options.generator_ms.end() ? 0 : ms->second});
  }
  generators.push_back({"given", 0, given, 0});
  generators.push_back({"pinned", 0, pinned, 0});
}

// So many threads that those of late searches, two of a generator at most, leave one for each processor.
void EngineParts::StartSide() {
  figures = std::make_unique<RunningFigures>(generators.size());
  const auto slow = static_cast<size_t>(std::ranges::count_if(
      generators, [](const ActiveGenerator& one) { return one.budget_ms > 0; }));
  if (slow > 0) {
    side =
        std::make_unique<SideRunner>(2 * slow + std::max(1u, std::thread::hardware_concurrency()));
  }
}

// In the lists are the posted items that the training did not see.
void EngineParts::SetPosted(uint32_t item) {
  if (!catalogue.IsPosted(schema::Entity::kItem, item)) return;
  if (bundle.tables().vocabulary(features::kItemVocabulary).Row(item) != 0) return;
  const schema::Item attributes = catalogue.item(item);
  attributes.removed ? posted.Remove(item) : posted.Set(item, attributes);
}

RequestRules EngineParts::Rules(const features::LiveLists* lists, const Scenario& scenario) const {
  return {.verb = verb,
          .low_rating = low_rating,
          .live = lists,
          .new_items = new_items.get(),
          .posted = catalogue.posted_end(schema::Entity::kItem) > 0 ? &posted : nullptr,
          .scenario = &scenario,
          .live_every = live_every};
}

size_t EngineParts::Wanted(size_t generator, const Request& request,
                           const Scenario& scenario) const {
  // The scores of different generators cannot be compared, so the first stage alone is the order of
  // one.
  const ActiveGenerator& one = generators[generator];
  const bool leads = generator == lead || one.weight > 0;
  if (request.stage == Stage::kRetrieval && lead != SIZE_MAX && !leads) return 0;
  const auto set = scenario.budgets.find(one.name);
  const uint32_t budget = set != scenario.budgets.end() ? set->second : one.budget;
  return leads && budget > 0 ? std::max(budget, request.last()) : budget;
}

// The order of retrieval has no scores to multiply.
Result<RequestExpressions> EngineParts::Expressions(const RequestContext& context) const {
  const Request& request = context.request;
  const bool is_retrieval = request.stage == Stage::kRetrieval;
  if (is_retrieval && !request.boost.empty()) {
    return InvalidArgument("boost: expected none with the stage retrieval");
  }
  const Result<SiteExpressions>& site = ExpressionsOf(context.scenario);
  if (!site) return std::unexpected(site.error());
  UPNEXT_ASSIGN_OR_RETURN(RequestExpressions out,
                          site->For({.filter = request.filter, .boost = request.boost},
                                    context.Facts(), request.parameters));
  if (is_retrieval) out.boosts.clear();
  return out;
}

}  // namespace upnext::serving
