// The true value of recommenders for the users of a simulated site.
//
//   UPNEXT_ASSIGN_OR_RETURN(LiveSite site, SiteAt(world, /*day=*/28, pool, progress));
//   UPNEXT_ASSIGN_OR_RETURN(UserValues ranked, LiveDays(site, engine, 28, 30, pool, progress));
//   UPNEXT_ASSIGN_OR_RETURN(UserValues random, LiveDays(site, policy, 28, 30, pool, progress));
//
// Every recommender gets the same users in the same state, with the same random numbers
// (simulator/user_log.h), so that differences have little noise. One thread at a time.
#ifndef UPNEXT_STUDIES_LIVE_VALUE_H_
#define UPNEXT_STUDIES_LIVE_VALUE_H_

#include <string>
#include <vector>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "bundle/bundle.h"
#include "examples/split.h"
#include "features/positive_rule.h"
#include "log/event_log.h"
#include "serving/engine.h"
#include "simulator/live.h"
#include "simulator/value.h"
#include "simulator/world.h"

namespace upnext::studies {

// The site at the start of `day` (from 0) after its logging policy: user states match the log of
// the days before. `also` receives the rows of these days, which are those of the log.
Result<simulator::LiveSite> SiteAt(const simulator::World& world, int day, base::ThreadPool& pool,
                                   base::Progress& progress,
                                   const simulator::LiveSite::Take& also = {});

// Runs days [from, to) on a copy of the site, with `recommender`. `also` receives the rows.
Result<simulator::UserValues> LiveDays(const simulator::LiveSite& site,
                                       const simulator::World& world,
                                       simulator::Recommender& recommender, int from, int to,
                                       base::ThreadPool& pool, base::Progress& progress,
                                       const simulator::LiveSite::Take& also = {});

// The true value of a published bundle next to simple policies, over the test days of its split:
// for `upnext evaluate --world`.
struct PolicyValue {
  std::string policy;  // "random", "popularity", "retrieval order", "ranked feed", "oracle"
  simulator::Estimate clicks, watch_s, satisfaction;  // expected, per slate
};
struct ValueReport {
  int from_day = 0, to_day = 0;  // of the world, from 1, both inclusive
  double slates = 0;             // of the ranked feed
  std::vector<PolicyValue> policies;
};
struct ValueSubject {
  const simulator::World& world;
  const log::EventLog& log;      // that the world made
  const examples::Split& split;  // by time
  const bundle::Bundle& bundle;
  serving::EngineOptions engine;
  features::PositiveRule rule;
};
// kFailedPrecondition when the log is not of this world, with every event of the days before the test
// days, or has no test days.
Result<ValueReport> MeasureValue(const ValueSubject& subject, base::ThreadPool& pool,
                                 base::Progress& progress);
std::string RenderValueTable(const ValueReport& report);
std::string RenderValueJson(const ValueReport& report);  // an object

}  // namespace upnext::studies

#endif  // UPNEXT_STUDIES_LIVE_VALUE_H_
