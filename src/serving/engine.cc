#include "serving/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/checksum.h"
#include "base/mutex.h"
#include "base/scratch_pool.h"
#include "features/feature_extractor.h"
#include "features/positive_rule.h"
#include "features/vocabulary.h"
#include "ranking/ranker.h"
#include "ranking/score.h"
#include "ranking/score_candidates.h"
#include "retrieval/feed_order.h"
#include "retrieval/generator.h"
#include "retrieval/new_item_index.h"
#include "retrieval/new_item_lists.h"
#include "schema/event.h"
#include "schema/schema.h"
#include "serving/active_generator.h"
#include "serving/arrange_slate.h"
#include "serving/notes.h"
#include "serving/similar.h"

namespace upnext::serving {

using features::UserState;
using schema::IdSpace;

namespace {

double MillisecondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

// Buffers of one request.
struct EngineScratch {
  std::vector<retrieval::Candidate> proposed;
  ranking::CandidateScratch ranked;
};

// In the words of the bundle's positives and history.
retrieval::SiteVerb VerbOf(const bundle::Bundle& bundle, const EngineOptions& options) {
  const schema::Schema& schema = bundle.tables().plan.schema();
  const auto rule = features::PositiveRule::Parse(bundle.manifest().labels, schema);
  return rule ? options.verb.For(*rule, schema) : options.verb;
}

}  // namespace

struct Engine::Rep {
  const bundle::Bundle& bundle;
  const catalogue::Catalogue& catalogue;
  const features::FeatureExtractor ranking_features;
  const std::vector<ranking::Objective> no_objectives = {};
  const retrieval::SiteVerb verb;
  const std::optional<float> low_rating;  // none: dislikes change nothing
  const Scenarios scenarios;
  std::vector<Result<SiteExpressions>> expressions;  // by scenario
  const Pinned pinned;
  const features::LiveCounts* const live;
  const std::unique_ptr<retrieval::NewItemIndex> new_items;  // null: none
  retrieval::NewItemLists posted;
  base::Mutex changing;  // items: what is read of one last is what is set last
  std::vector<ActiveGenerator> generators;
  size_t lead = SIZE_MAX;  // the first that fills a slate
  bool reorders = false;   // the bundle's order is another than that of the lead
  uint32_t live_every;     // RequestRules::live_every
  std::vector<std::string_view> filter_names;
  std::vector<std::unique_ptr<const Filter>> filters;  // null for those not in use
  std::vector<std::unique_ptr<const ReRanker>> re_rankers;
  base::ScratchPool<EngineScratch> scratch;
  std::atomic<uint64_t> requests{0};

  Rep(const bundle::Bundle& b, const catalogue::Catalogue& c, const EngineOptions& options,
      const EngineStages& stages, const features::LiveCounts* counts);
  RequestRules Rules(const features::LiveLists* now, const Scenario& scenario) const;
  void SetPosted(uint32_t item);
  // How many candidates the generator is asked for; 0: none.
  size_t Wanted(size_t generator, const Request& request, const Scenario& scenario) const;
  // What the scenario pins at this time, as far as the filters admit it.
  void Pin(const RequestContext& context, CandidatePool* pool) const;
  Result<const Scenario*> ScenarioOf(const Request& request) const {
    return scenarios.Find(request.scenario);
  }
  const Result<SiteExpressions>& ExpressionsOf(const Scenario& scenario) const {
    return expressions[static_cast<size_t>(&scenario - scenarios.all().data())];
  }
  std::vector<PooledCandidate> Propose(const RequestContext& context, const Found* found,
                                       EngineScratch& buffers, StageCounts* counts) const;
  void Order(std::vector<PooledCandidate>* candidates) const;
  void MarkLive(std::vector<PooledCandidate>* candidates) const;
  void Rank(const RequestContext& context, std::span<const float> exponents, EngineScratch& buffers,
            std::vector<PooledCandidate>* candidates, StageCounts* counts) const;
  Result<RequestExpressions> Expressions(const RequestContext& context) const;
};

Engine::Rep::Rep(const bundle::Bundle& b, const catalogue::Catalogue& c,
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
      live_every(bundle.candidate() == nullptr ? 0 : options.live.every) {
  for (const Scenario& one : scenarios.all()) {
    expressions.push_back(
        SiteExpressions::Compile(one.expressions.value_or(options.expressions), c.schema()));
  }
  for (const retrieval::LoadedGenerator& one : bundle.generators()) {
    const auto budget = options.budgets.find(one.name);
    const bool is_set = budget != options.budgets.end();
    double weight = bundle.manifest().order.WeightOf(one.name);
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
    generators.push_back({one.name, candidates, *one.generator, weight});
  }
  generators.push_back({"pinned", 0, pinned, 0});
  for (const FilterEntry& entry : stages.filters) {
    filter_names.push_back(entry.name);
    filters.push_back(entry.make(options));
  }
  for (const ReRankerEntry& entry : stages.re_rankers) re_rankers.push_back(entry.make());
  const uint32_t end = catalogue.posted_end(schema::Entity::kItem);
  for (uint32_t item = 0; item < end; ++item) SetPosted(item);
}

// In the lists are the posted items that the training did not see.
void Engine::Rep::SetPosted(uint32_t item) {
  if (!catalogue.IsPosted(schema::Entity::kItem, item)) return;
  if (bundle.tables().vocabulary(features::kItemVocabulary).Row(item) != 0) return;
  const schema::Item attributes = catalogue.item(item);
  attributes.removed ? posted.Remove(item) : posted.Set(item, attributes);
}

RequestRules Engine::Rep::Rules(const features::LiveLists* now, const Scenario& scenario) const {
  return {.verb = verb,
          .low_rating = low_rating,
          .live = now,
          .new_items = new_items.get(),
          .posted = catalogue.posted_end(schema::Entity::kItem) > 0 ? &posted : nullptr,
          .scenario = &scenario,
          .live_every = live_every};
}

size_t Engine::Rep::Wanted(size_t generator, const Request& request,
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

std::vector<PooledCandidate> Engine::Rep::Propose(const RequestContext& context, const Found* found,
                                                  EngineScratch& buffers,
                                                  StageCounts* counts) const {
  for (const std::string_view name : filter_names) counts->filtered.push_back({name});
  CandidatePool pool(filters, context, counts);
  auto admits = [&](uint32_t item) { return pool.Admits(item); };
  for (size_t g = 0; g < generators.size(); ++g) {
    const size_t wanted = Wanted(g, context.request, context.scenario);
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
      generators[g].generator.Propose(context.ToPropose(), wanted, retrieval::ItemFilter(admits),
                                      &buffers.proposed);
    }
    pool.Add(g, buffers.proposed);
  }
  Pin(context, &pool);
  std::vector<PooledCandidate> candidates = pool.Take();
  Order(&candidates);
  if (live_every > 0) MarkLive(&candidates);
  return candidates;
}

void Engine::Rep::Pin(const RequestContext& context, CandidatePool* pool) const {
  for (const auto& [item, place] : context.pinned) {
    const retrieval::Candidate candidate{.item = item, .score = 0};
    if (pool->Admits(item)) pool->Add(generators.size() - 1, {&candidate, 1});
  }
}

// Those that neither the model knows nor a list of the order has.
void Engine::Rep::MarkLive(std::vector<PooledCandidate>* candidates) const {
  const features::Vocabulary& known = bundle.tables().vocabulary(features::kItemVocabulary);
  for (PooledCandidate& one : *candidates) {
    const bool has_place = std::ranges::any_of(one.sources, [&](const auto& source) {
      return source.generator == lead || generators[source.generator].weight > 0;
    });
    if (has_place || known.Row(one.item) != 0) continue;
    for (const PooledCandidate::Source& source : one.sources) {
      if (generators[source.generator].generator.IsLive()) one.live_place = source.place;
    }
  }
}

// Where the bundle has no order of its own, candidates stay as they were proposed.
void Engine::Rep::Order(std::vector<PooledCandidate>* candidates) const {
  for (PooledCandidate& one : *candidates) {
    one.score = static_cast<double>(one.sources.front().candidate.score);
    if (!reorders) continue;
    one.score = 0;
    for (const PooledCandidate::Source& source : one.sources) {
      one.score += generators[source.generator].weight * retrieval::WorthOfPlace(source.place);
    }
  }
  if (reorders) {
    std::ranges::stable_sort(*candidates, std::ranges::greater(), &PooledCandidate::score);
  }
}

void Engine::Rep::Rank(const RequestContext& context, std::span<const float> exponents,
                       EngineScratch& buffers, std::vector<PooledCandidate>* candidates,
                       StageCounts* counts) const {
  std::vector<uint32_t> source_ids;
  for (const ActiveGenerator& one : generators) {
    source_ids.push_back(catalogue.Find(IdSpace::kSource, one.name));
  }
  std::vector<features::Candidate> impressions;
  for (const PooledCandidate& one : *candidates) {
    const PooledCandidate::Source& first = one.sources.front();
    impressions.push_back({one.item, source_ids[first.generator], first.candidate.score});
  }
  ranking::CandidateScratch& scored = buffers.ranked;
  ranking::ScoreCandidates(*bundle.ranker(), ranking_features,
                           {context.state, context.user, context.context}, impressions, exponents,
                           scored);
  const size_t tasks = exponents.size();
  for (size_t i = 0; i < candidates->size(); ++i) {
    const auto row = std::span(scored.predictions).subspan(i * tasks, tasks);
    (*candidates)[i].predictions.assign(row.begin(), row.end());
    (*candidates)[i].score = scored.scores[i];
  }
  counts->ranked = static_cast<uint32_t>(candidates->size());
  counts->queries = static_cast<uint32_t>(scored.query.rows);
}

// The order of retrieval has no scores to multiply.
Result<RequestExpressions> Engine::Rep::Expressions(const RequestContext& context) const {
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

Engine::Engine(const bundle::Bundle& bundle, const catalogue::Catalogue& catalogue,
               const EngineOptions& options, const EngineStages& stages,
               const features::LiveCounts* live)
    : rep_(std::make_unique<Rep>(bundle, catalogue, options, stages, live)) {}
Engine::~Engine() = default;

void Engine::ItemsChanged(std::span<const uint32_t> items) const {
  base::MutexLock lock(rep_->changing);
  for (const uint32_t item : items) {
    rep_->SetPosted(item);
    if (rep_->new_items != nullptr) rep_->new_items->Update(item);
  }
}

const retrieval::SiteVerb& Engine::verb() const { return rep_->verb; }

const std::vector<ranking::Objective>& Engine::objectives() const {
  return rep_->bundle.ranker() != nullptr ? rep_->bundle.ranker()->objectives()
                                          : rep_->no_objectives;
}

bool Engine::Rotates(const Request& request) const {
  const auto scenario = rep_->ScenarioOf(request);
  return scenario && (*scenario)->rotation > 0;
}

std::vector<std::string> Engine::objective_names() const {
  std::vector<std::string> names;
  for (const ranking::Objective& objective : objectives()) names.push_back(objective.name);
  return names;
}

std::vector<Found> Engine::FindForMany(std::span<const UserRequest> requests,
                                       base::ThreadPool& pool) const {
  constexpr size_t kLeftOut = 50;  // by filters, in most feeds at most
  const auto now = rep_->live == nullptr ? nullptr : rep_->live->lists();
  std::vector<std::unique_ptr<const RequestContext>> contexts;
  std::vector<retrieval::ProposeRequest> to_propose;
  for (const UserRequest& one : requests) {
    // An unknown one is an error of its Recommend.
    const auto scenario = rep_->ScenarioOf(one.request);
    const RequestRules rules =
        rep_->Rules(now.get(), scenario ? **scenario : rep_->scenarios.all().front());
    contexts.push_back(
        std::make_unique<RequestContext>(rep_->catalogue, one.state, one.request, rules));
    to_propose.push_back(contexts.back()->ToPropose());
  }
  std::vector<Found> found(requests.size(), Found(rep_->generators.size()));
  for (size_t g = 0; g < rep_->generators.size(); ++g) {
    size_t wanted = 0;
    for (const auto& one : contexts) {
      wanted = std::max(wanted, rep_->Wanted(g, one->request, one->scenario));
    }
    if (wanted == 0) continue;
    auto lists = rep_->generators[g].generator.ProposeMany(to_propose, wanted + kLeftOut, pool);
    for (size_t i = 0; i < lists.size(); ++i) found[i][g] = std::move(lists[i]);
  }
  return found;
}

Result<std::vector<Recommendation>> Engine::Similar(const SimilarRequest& request) const {
  const Result<SiteExpressions>& site = rep_->expressions.front();
  if (!site) return std::unexpected(site.error());
  UPNEXT_ASSIGN_OR_RETURN(
      const RequestExpressions expressions,
      site->For({.filter = request.filter},
                {.catalogue = rep_->catalogue,
                 .now_ms = request.time_ms,
                 .current_item = rep_->catalogue.Find(IdSpace::kItem, request.item)},
                request.parameters));
  return SimilarItems(rep_->bundle, rep_->catalogue, request.item, request.n, rep_->verb,
                      [&](uint32_t item) { return expressions.Admits(item); });
}

Result<Slate> Engine::Recommend(const UserState& state, const Request& request,
                                const features::LiveLists* live, const Found* found) const {
  if (request.n == 0) return InvalidArgument("n: expected at least 1, found 0");
  UPNEXT_ASSIGN_OR_RETURN(const Scenario* const scenario, rep_->ScenarioOf(request));
  std::vector<float> exponents = ranking::ExponentsOf(objectives());
  if (!request.score && scenario->score && rep_->bundle.ranker() != nullptr) {
    UPNEXT_ASSIGN_OR_RETURN(const auto weights, ranking::ParseScoreWeights(*scenario->score));
    UPNEXT_ASSIGN_OR_RETURN(exponents, ranking::ExponentsOf(weights, objectives()));
  }
  if (request.score) {
    if (request.stage == Stage::kRetrieval) {
      return InvalidArgument(
          "score: expected none with the stage retrieval, whose order has no exponents");
    }
    if (rep_->bundle.ranker() == nullptr) {
      return InvalidArgument("score: expected none, since this bundle has no ranker");
    }
    UPNEXT_ASSIGN_OR_RETURN(const auto weights, ranking::ParseScoreWeights(*request.score));
    UPNEXT_ASSIGN_OR_RETURN(exponents, ranking::ExponentsOf(weights, objectives()));
  }
  const auto begin = std::chrono::steady_clock::now();
  Slate slate;
  const uint64_t id =
      base::Fingerprint(request.user, static_cast<uint64_t>(request.time_ms) * 1'000'003 +
                                          rep_->requests.fetch_add(1));
  slate.request = fmt::format("{:016x}", id);
  const auto now = rep_->live == nullptr || live != nullptr ? nullptr : rep_->live->lists();
  RequestContext context(rep_->catalogue, state, request,
                         rep_->Rules(live != nullptr ? live : now.get(), *scenario));
  UPNEXT_ASSIGN_OR_RETURN(context.expressions, rep_->Expressions(context));
  const auto scratch = rep_->scratch.Borrow();
  slate.counts.catalogue = rep_->catalogue.present(schema::Entity::kItem);
  std::vector<PooledCandidate> candidates = rep_->Propose(context, found, *scratch, &slate.counts);
  slate.retrieval_ms = MillisecondsSince(begin);

  const auto ranking_begin = std::chrono::steady_clock::now();
  if (request.stage == Stage::kRanking && rep_->bundle.ranker() != nullptr) {
    rep_->Rank(context, exponents, *scratch, &candidates, &slate.counts);
  }
  if (!context.expressions.boosts.empty()) {
    for (PooledCandidate& one : candidates) one.boost = context.expressions.Boost(one.item);
  }
  for (const auto& re_ranker : rep_->re_rankers) re_ranker->ReRank(context, &candidates);
  if (context.Arranges()) ArrangeSlate(context, rep_->bundle, id, &candidates);
  slate.ranking_ms = MillisecondsSince(ranking_begin);

  for (size_t i = request.offset; i < candidates.size(); ++i) {
    slate.items.push_back(Describe(context, rep_->generators, std::move(candidates[i])));
  }
  slate.counts.shown = static_cast<uint32_t>(slate.items.size());
  AddNotes(context, rep_->bundle.ranker() != nullptr, &slate);
  slate.notes.insert(slate.notes.end(), rep_->bundle.notes().begin(), rep_->bundle.notes().end());
  return slate;
}

}  // namespace upnext::serving
