// One request, two stages: generators propose hundreds, filters drop, the ranker scores, the best
// become the slate (SY-01). The same code answers the command line, the server and the evaluation
// of lists.
//
//   Engine engine(bundle, catalogue, options);
//   UPNEXT_ASSIGN_OR_RETURN(Slate slate, engine.Recommend(state, request));
//
// Immutable but for its scratch memory and for what follows posted items: any number of threads. Bundle, catalogue and live counts
// outlive it.
#ifndef UPNEXT_SERVING_ENGINE_H_
#define UPNEXT_SERVING_ENGINE_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/thread_pool.h"
#include "bundle/bundle.h"
#include "catalogue/catalogue.h"
#include "features/live_counts.h"
#include "features/user_state.h"
#include "ranking/objectives.h"
#include "ranking/score_candidates.h"
#include "retrieval/generator.h"
#include "retrieval/site_verb.h"
#include "serving/engine_options.h"
#include "serving/filter.h"
#include "serving/re_ranker.h"
#include "serving/slate.h"
#include "serving/stage_clock.h"

namespace upnext::serving {

// The stages beside the generators, which the bundle has.
struct EngineStages {
  FilterRegistry filters = BuiltInFilters();
  ReRankerRegistry re_rankers = BuiltInReRankers();
  decltype(&ranking::ScoreExtracted) score = ranking::ScoreExtracted;  // the ranker's
  StageClock::Now now = std::chrono::steady_clock::now;                // of time budgets
};

struct EngineParts;

struct UserRequest {
  const features::UserState& state;
  const Request& request;
};
// The best candidates of a request by generator, before filters; an empty list says nothing.
using Found = std::vector<std::vector<retrieval::Candidate>>;

class Engine {
 public:
  Engine(const bundle::Bundle& bundle, const catalogue::Catalogue& catalogue,
         const EngineOptions& options, const EngineStages& stages = {},
         const features::LiveCounts* live = nullptr);  // null: as the bundle was trained
  ~Engine();
  // `live`: what is chosen most at the request's time; null: by the engine's counts. `found`: what
  // FindForMany has for this request; the slate is the same without.
  Result<Slate> Recommend(const features::UserState& state, const Request& request,
                          const features::LiveLists* live = nullptr,
                          const Found* found = nullptr) const;
  // The time budget that its scenario gives a request; 0: none.
  double BudgetMs(const Request& request) const;
  // For people: the same within the time budgets of the scenario and of the generators. A stage that is late or fails gives
  // less, and the slate says so. `clock` counts from the arrival of the request.
  Result<Slate> Recommend(std::shared_ptr<const features::UserState> state, const Request& request,
                          StageClock clock,
                          std::shared_ptr<const features::LiveLists> live = nullptr) const;
  StageClock StartClock() const;
  // Items like an item (similar.h) that the filters let through, for which it is
  // request.current_item.
  Result<std::vector<Recommendation>> Similar(const SimilarRequest& request) const;
  // What the generators find for many requests at less cost together, one Found for each.
  std::vector<Found> FindForMany(std::span<const UserRequest> requests,
                                 base::ThreadPool& pool) const;
  // After Catalogue::Set of these items: requests that begin later find them by what the catalogue
  // says now.
  void ItemsChanged(std::span<const uint32_t> items) const;
  const retrieval::SiteVerb& verb() const;  // of the options, for this bundle
  const std::vector<ranking::Objective>& objectives() const;
  bool Rotates(const Request& request) const;        // whether Request::shown changes the list
  std::vector<std::string> objective_names() const;  // of Recommendation::predictions

 private:
  const std::unique_ptr<EngineParts> parts_;
};

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_ENGINE_H_
