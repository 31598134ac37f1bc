#include "serving/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "base/checksum.h"
#include "ranking/score.h"
#include "schema/event.h"
#include "schema/schema.h"
#include "serving/active_generator.h"
#include "serving/arrange_slate.h"
#include "serving/engine_parts.h"
#include "serving/notes.h"
#include "serving/propose.h"
#include "serving/rank.h"
#include "serving/similar.h"

namespace upnext::serving {

using features::UserState;
using schema::IdSpace;

namespace {

double MillisecondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
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
  const auto scenario = parts_->ScenarioOf(request);
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
  const auto now = parts_->live == nullptr ? nullptr : parts_->live->lists();
  std::vector<std::unique_ptr<const RequestContext>> contexts;
  std::vector<retrieval::ProposeRequest> to_propose;
  for (const UserRequest& one : requests) {
    // An unknown one is an error of its Recommend.
    const auto scenario = parts_->ScenarioOf(one.request);
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
    for (size_t i = 0; i < lists.size(); ++i) found[i][g] = std::move(lists[i]);
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
  return SimilarItems(parts_->bundle, parts_->catalogue, request.item, request.n, parts_->verb,
                      [&](uint32_t item) { return expressions.Admits(item); });
}

Result<Slate> Engine::Recommend(const UserState& state, const Request& request,
                                const features::LiveLists* live, const Found* found) const {
  if (request.n == 0) return InvalidArgument("n: expected at least 1, found 0");
  UPNEXT_ASSIGN_OR_RETURN(const Scenario* const scenario, parts_->ScenarioOf(request));
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<float> exponents,
                          ExponentsFor(*parts_, request, *scenario));
  const auto begin = std::chrono::steady_clock::now();
  Slate slate;
  const uint64_t id =
      base::Fingerprint(request.user, static_cast<uint64_t>(request.time_ms) * 1'000'003 +
                                          parts_->requests.fetch_add(1));
  slate.request = fmt::format("{:016x}", id);
  const auto now = parts_->live == nullptr || live != nullptr ? nullptr : parts_->live->lists();
  RequestContext context(parts_->catalogue, state, request,
                         parts_->Rules(live != nullptr ? live : now.get(), *scenario));
  UPNEXT_ASSIGN_OR_RETURN(context.expressions, parts_->Expressions(context));
  const auto scratch = parts_->scratch.Borrow();
  slate.counts.catalogue = parts_->catalogue.present(schema::Entity::kItem);
  std::vector<PooledCandidate> candidates =
      Propose(*parts_, context, found, *scratch, &slate.counts);
  slate.retrieval_ms = MillisecondsSince(begin);

  const auto ranking_begin = std::chrono::steady_clock::now();
  if (request.stage == Stage::kRanking && parts_->bundle.ranker() != nullptr) {
    Rank(*parts_, context, exponents, *scratch, &candidates, &slate.counts);
  }
  if (!context.expressions.boosts.empty()) {
    for (PooledCandidate& one : candidates) one.boost = context.expressions.Boost(one.item);
  }
  for (const auto& re_ranker : parts_->re_rankers) re_ranker->ReRank(context, &candidates);
  if (context.Arranges()) ArrangeSlate(context, parts_->bundle, id, &candidates);
  slate.ranking_ms = MillisecondsSince(ranking_begin);

  for (size_t i = request.offset; i < candidates.size(); ++i) {
    slate.items.push_back(Describe(context, parts_->generators, std::move(candidates[i])));
  }
  slate.counts.shown = static_cast<uint32_t>(slate.items.size());
  AddNotes(context, parts_->bundle.ranker() != nullptr, &slate);
  slate.notes.insert(slate.notes.end(), parts_->bundle.notes().begin(),
                     parts_->bundle.notes().end());
  return slate;
}

}  // namespace upnext::serving
