#include "serving/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/checksum.h"
#include "ranking/score.h"
#include "schema/event.h"
#include "schema/schema.h"
#include "serving/active_generator.h"
#include "serving/arrange_slate.h"
#include "serving/engine_parts.h"
#include "serving/explain.h"
#include "serving/given_items.h"
#include "serving/notes.h"
#include "serving/owned_request.h"
#include "serving/propose.h"
#include "serving/rank.h"
#include "serving/similar.h"
#include "serving/stage_clock.h"

namespace upnext::serving {

using features::UserState;
using schema::IdSpace;

namespace {

// For what outlives the request.
template <typename T>
std::shared_ptr<const T> NotOwned(const T& object) {
  return std::shared_ptr<const T>(std::shared_ptr<const T>(), &object);
}

std::shared_ptr<const features::LiveLists> ListsNow(const EngineParts& parts) {
  return parts.live == nullptr ? nullptr : parts.live->lists();
}

struct Question {
  std::shared_ptr<const Request> request;
  std::shared_ptr<const UserState> state;
  std::shared_ptr<const features::LiveLists> lists;
  bool within_budget = false;
};

Result<std::shared_ptr<OwnedRequest>> Begin(const EngineParts& parts, const Question& question,
                                            const Scenario& scenario, StageClock& clock) {
  auto owned = std::make_shared<OwnedRequest>(parts, question.request, question.state,
                                              question.lists, scenario);
  owned->within_budget = question.within_budget;
  if (question.within_budget) clock.SetBudget(scenario.budget_ms);
  UPNEXT_ASSIGN_OR_RETURN(owned->context.expressions, parts.Expressions(owned->context));
  clock.End(kContext, 0, 0);
  return owned;
}

// From ranked candidates to those of the slate, from the first page on.
void Place(const EngineParts& parts, const RequestContext& context, uint64_t seed,
           StageClock& clock, std::vector<PooledCandidate>* candidates,
           std::vector<Unplaced>* unplaced) {
  const size_t ranked = candidates->size();
  if (!context.expressions.boosts.empty()) {
    for (PooledCandidate& one : *candidates) one.boost = context.expressions.Boost(one.item);
    clock.End(kBoosts, ranked, ranked);
  }
  for (const auto& re_ranker : parts.re_rankers) re_ranker->ReRank(context, candidates);
  ArrangeSlate(context, parts.bundle, seed, candidates, unplaced);
  clock.End(kRules, ranked, candidates->size());
}

void AddWords(const EngineParts& parts, const RequestContext& context, Slate* slate) {
  AddNotes(context, parts.bundle.ranker() != nullptr, slate);
  AddMissing(context, slate);
  slate->notes.insert(slate->notes.end(), parts.bundle.notes().begin(), parts.bundle.notes().end());
}

Result<Slate> Answer(const EngineParts& parts, const Question& question, const Found* found,
                     StageClock clock) {
  const Request& request = *question.request;
  if (request.n == 0) return InvalidArgument("n: expected at least 1, found 0");
  UPNEXT_ASSIGN_OR_RETURN(const Scenario* const scenario,
                          parts.ScenarioOf(request, *question.state));
  UPNEXT_ASSIGN_OR_RETURN(std::vector<float> exponents, ExponentsFor(parts, request, *scenario));
  Slate slate;
  const uint64_t id =
      request.id.value_or(base::Fingerprint(request.user, static_cast<uint64_t>(request.time_ms)));
  slate.request = fmt::format("{:016x}", id);
  UPNEXT_ASSIGN_OR_RETURN(const std::shared_ptr<const OwnedRequest> owned,
                          Begin(parts, question, *scenario, clock));
  const RequestContext& context = owned->context;
  const auto scratch = parts.scratch.Borrow();
  slate.counts.catalogue = parts.catalogue.present(schema::Entity::kItem);
  Proposals proposals = request.items.empty()
                            ? Propose(parts, owned, found, *scratch, clock, &slate.counts)
                            : ProposeGiven(parts, context, clock, &slate.counts);
  std::vector<PooledCandidate>& candidates = proposals.candidates;
  slate.retrieval_ms = clock.ElapsedMs();
  std::vector<PooledCandidate> not_ranked;
  if (request.stage == Stage::kRanking && parts.bundle.ranker() != nullptr) {
    not_ranked = Rank(parts, context, exponents, *scratch, clock, &candidates, &slate.counts);
  }
  std::vector<Unplaced> unplaced;
  Place(parts, context, id, clock, &candidates, request.explain ? &unplaced : nullptr);
  slate.ranking_ms = clock.ElapsedMs() - slate.retrieval_ms;

  for (size_t i = request.offset; i < candidates.size(); ++i) {
    slate.items.push_back(Describe(context, parts.generators, std::move(candidates[i])));
  }
  slate.counts.shown = static_cast<uint32_t>(slate.items.size());
  slate.generators = std::move(proposals.generators);
  if (slate.counts.ranked == 0) exponents.clear();
  if (request.explain) {
    Explain(parts, {exponents, scratch->ranked.query, proposals.left_out, not_ranked, unplaced},
            &slate);
  }
  AddWords(parts, context, &slate);
  clock.End(kSlate, candidates.size(), slate.items.size());
  clock.MoveTo(&slate);
  return slate;
}

}  // namespace

Engine::Engine(const bundle::Bundle& bundle, const catalogue::Catalogue& catalogue,
               const EngineOptions& options, const EngineStages& stages,
               const features::LiveCounts* live)
    : parts_(std::make_unique<EngineParts>(bundle, catalogue, options, stages, live)) {}
Engine::~Engine() = default;

void Engine::ItemsChanged(std::span<const uint32_t> items) const {
  base::MutexLock lock(parts_->changing);
  for (const uint32_t item : items) {
    parts_->SetPosted(item);
    if (parts_->new_items != nullptr) parts_->new_items->Update(item);
  }
}

const retrieval::SiteVerb& Engine::verb() const { return parts_->verb; }

const std::vector<ranking::Objective>& Engine::objectives() const { return parts_->objectives(); }

bool Engine::Rotates(const Request& request) const {
  const auto scenario = parts_->scenarios.Find(request.scenario);
  return scenario && parts_->scenarios.Rotates(**scenario);
}

double Engine::BudgetMs(const Request& request) const {
  const auto scenario = parts_->scenarios.Find(request.scenario);
  return scenario ? (*scenario)->budget_ms : 0;
}

std::vector<std::string> Engine::objective_names() const {
  std::vector<std::string> names;
  for (const ranking::Objective& objective : objectives()) names.push_back(objective.name);
  return names;
}

std::vector<Found> Engine::FindForMany(std::span<const UserRequest> requests,
                                       base::ThreadPool& pool) const {
  constexpr size_t kLeftOut = 50;  // by filters, in most feeds at most
  const auto now = parts_->live == nullptr ? nullptr : parts_->live->lists();
  std::vector<std::unique_ptr<const RequestContext>> contexts;
  std::vector<retrieval::ProposeRequest> to_propose;
  for (const UserRequest& one : requests) {
    // An unknown one is an error of its Recommend.
    const auto scenario = parts_->ScenarioOf(one.request, one.state);
    const RequestRules rules =
        parts_->Rules(now.get(), scenario ? **scenario : parts_->scenarios.all().front());
    contexts.push_back(
        std::make_unique<RequestContext>(parts_->catalogue, one.state, one.request, rules));
    to_propose.push_back(contexts.back()->ToPropose());
  }
  std::vector<Found> found(requests.size(), Found(parts_->generators.size()));
  for (size_t g = 0; g < parts_->generators.size(); ++g) {
    size_t wanted = 0;
    for (const auto& one : contexts) {
      wanted = std::max(wanted, parts_->Wanted(g, one->request, one->scenario));
    }
    if (wanted == 0) continue;
    auto lists = parts_->generators[g].generator.ProposeMany(to_propose, wanted + kLeftOut, pool);
    if (!lists) continue;  // each request asks it again, and says why it fails
    for (size_t i = 0; i < lists->size(); ++i) found[i][g] = std::move((*lists)[i]);
  }
  return found;
}

Result<std::vector<Recommendation>> Engine::Similar(const SimilarRequest& request) const {
  const Result<SiteExpressions>& site = parts_->expressions.front();
  if (!site) return std::unexpected(site.error());
  UPNEXT_ASSIGN_OR_RETURN(
      const RequestExpressions expressions,
      site->For({.filter = request.filter},
                {.catalogue = parts_->catalogue,
                 .now_ms = request.time_ms,
                 .current_item = parts_->catalogue.Find(IdSpace::kItem, request.item)},
                request.parameters));
  return SimilarItems(
      parts_->bundle, parts_->catalogue, request.item, request.n, parts_->verb,
      [&](uint32_t item) { return expressions.Admits(item); }, request.close);
}

Result<Slate> Engine::Recommend(const UserState& state, const Request& request,
                                const features::LiveLists* live, const Found* found) const {
  auto lists = live != nullptr ? NotOwned(*live) : ListsNow(*parts_);
  return Answer(*parts_, {NotOwned(request), NotOwned(state), std::move(lists)}, found,
                StageClock(parts_->now));
}

Result<Slate> Engine::Recommend(std::shared_ptr<const UserState> state, const Request& request,
                                StageClock clock,
                                std::shared_ptr<const features::LiveLists> live) const {
  if (live == nullptr) live = ListsNow(*parts_);
  return Answer(*parts_,
                {std::make_shared<const Request>(request), std::move(state), std::move(live),
                 /*within_budget=*/true},
                nullptr, std::move(clock));
}

StageClock Engine::StartClock() const { return StageClock(parts_->now); }

}  // namespace upnext::serving
