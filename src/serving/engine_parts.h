// What an engine holds between requests: what it was made of, and what its stages read. engine.h has
// the flow of one request through propose.h, rank.h, the re-rankers and arrange_slate.h.
//
//   EngineParts parts(bundle, catalogue, options, stages, live);
//   const RequestContext context(catalogue, state, request, parts.Rules(lists, scenario));
//
// Immutable but for its scratch memory and for what follows posted items: any number of threads.
// Bundle, catalogue and live counts outlive it.
#ifndef UPNEXT_SERVING_ENGINE_PARTS_H_
#define UPNEXT_SERVING_ENGINE_PARTS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/scratch_pool.h"
#include "base/status.h"
#include "bundle/bundle.h"
#include "catalogue/catalogue.h"
#include "features/feature_extractor.h"
#include "features/live_counts.h"
#include "ranking/objectives.h"
#include "ranking/score_candidates.h"
#include "retrieval/generator.h"
#include "retrieval/new_item_index.h"
#include "retrieval/new_item_lists.h"
#include "retrieval/site_verb.h"
#include "serving/active_generator.h"
#include "serving/engine.h"
#include "serving/engine_options.h"
#include "serving/filter.h"
#include "serving/re_ranker.h"
#include "serving/request_context.h"
#include "serving/scenario.h"
#include "serving/side_runner.h"
#include "serving/site_expressions.h"
#include "serving/stage_clock.h"

namespace upnext::serving {

// What a generator proposed, see generator_stage.h.
struct Asked {
  bool was_asked = false;
  double ms = 0;
  std::vector<retrieval::Candidate> candidates = {};
};

// Buffers of one request.
struct EngineScratch {
  std::vector<Asked> asked;  // by generator
  ranking::CandidateScratch ranked;
};

// What requests find out for those that follow.
struct RunningFigures {
  explicit RunningFigures(size_t generators) : late(generators) {}
  std::deque<std::atomic<int>> late;    // by generator: searches left behind that have not ended
  std::atomic<double> rank_ms_each{0};  // of a candidate, about; 0: not known yet
};

struct EngineParts {
  EngineParts(const bundle::Bundle& b, const catalogue::Catalogue& c, const EngineOptions& options,
              const EngineStages& stages, const features::LiveCounts* counts);

  const bundle::Bundle& bundle;
  const catalogue::Catalogue& catalogue;
  const features::FeatureExtractor ranking_features;
  const std::vector<ranking::Objective> no_objectives = {};
  const retrieval::SiteVerb verb;
  const std::optional<float> low_rating;  // none: dislikes change nothing
  const Scenarios scenarios;
  std::vector<Result<SiteExpressions>> expressions;  // by scenario
  const Pinned pinned;
  const Given given;
  const features::LiveCounts* const live;
  const std::unique_ptr<retrieval::NewItemIndex> new_items;  // null: none
  retrieval::NewItemLists posted;
  base::Mutex changing;                     // items: what is read of one last is what is set last
  std::vector<ActiveGenerator> generators;  // the last two are "given" and "pinned"
  size_t lead = SIZE_MAX;                   // the first that fills a slate
  bool reorders = false;                    // the bundle's order is another than that of the lead
  uint32_t live_every;                      // RequestRules::live_every
  std::vector<std::string_view> filter_names;
  std::vector<std::unique_ptr<const Filter>> filters;  // null for those not in use
  std::vector<std::unique_ptr<const ReRanker>> re_rankers;
  base::ScratchPool<EngineScratch> scratch;
  const decltype(EngineStages::score) score;
  const StageClock::Now now;
  std::unique_ptr<RunningFigures> figures;
  // Null where no generator has a time of its own. The last member, since what it runs reads the others.
  std::unique_ptr<SideRunner> side;

  RequestRules Rules(const features::LiveLists* lists, const Scenario& scenario) const;
  void SetPosted(uint32_t item);
  // How many candidates the generator is asked for; 0: none.
  size_t Wanted(size_t generator, const Request& request, const Scenario& scenario) const;
  // That of the request, or of its users with little history.
  Result<const Scenario*> ScenarioOf(const Request& request,
                                     const features::UserState& state) const {
    UPNEXT_ASSIGN_OR_RETURN(const Scenario* const named, scenarios.Find(request.scenario));
    return &scenarios.For(*named, state);
  }
  const Result<SiteExpressions>& ExpressionsOf(const Scenario& scenario) const {
    return expressions[static_cast<size_t>(&scenario - scenarios.all().data())];
  }
  // Filters and boosts of the site, the scenario and the request.
  Result<RequestExpressions> Expressions(const RequestContext& context) const;
  const std::vector<ranking::Objective>& objectives() const {
    return bundle.ranker() != nullptr ? bundle.ranker()->objectives() : no_objectives;
  }

 private:
  void AddGenerators(const EngineOptions& options);
  void StartSide();
};

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_ENGINE_PARTS_H_
