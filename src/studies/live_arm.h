// Live days of a study: the log before them, and a trained ranker behind the candidate model and the
// generators that the arms share, as a recommender of the simulated site.
//
//   UPNEXT_ASSIGN_OR_RETURN(const LoggedSite logged, LogUntil(run, world, /*day=*/20));
//   UPNEXT_ASSIGN_OR_RETURN(const LiveArm arm,
//                           OpenLiveArm(run, world, shared, serving, ranker.get(), options, "mmoe"));
//   UPNEXT_ASSIGN_OR_RETURN(const simulator::UserValues values,
//                           LiveDays(logged.site, world, *arm.engine, 20, 22, run.pool, run.progress));
//
// World and dataset must outlive an arm; the ranker need not. Thread rules of LiveEngine.
#ifndef UPNEXT_STUDIES_LIVE_ARM_H_
#define UPNEXT_STUDIES_LIVE_ARM_H_

#include <memory>
#include <string_view>

#include "base/status.h"
#include "bundle/bundle.h"
#include "log/event_log.h"
#include "ranking/ranker.h"
#include "simulator/live.h"
#include "simulator/world.h"
#include "studies/live_engine.h"
#include "studies/models.h"
#include "studies/simulated_log.h"
#include "studies/study.h"
#include "training/serving_parts.h"

namespace upnext::studies {

// A site at the start of a day, and the rows of its log.
struct KeptSite {
  simulator::LiveSite site;
  SimulatedLog rows;
};
// After days of the world's logging policy. `world` must outlive the result.
Result<KeptSite> KeptUntil(const StudyRun& run, const simulator::World& world, int day);

// The same with the log written.
struct LoggedSite {
  simulator::LiveSite site;
  log::EventLog log;  // in run.folder / "log"
};
Result<LoggedSite> LogUntil(const StudyRun& run, const simulator::World& world, int day);

struct LiveArm {
  std::unique_ptr<bundle::Bundle> bundle;
  std::unique_ptr<LiveEngine> engine;
};

// Writes the bundle below run.folder under `name`. The rule of `options` is that of the dataset.
Result<LiveArm> OpenLiveArm(const StudyRun& run, const simulator::World& world,
                            const Trained& shared, const training::ServingParts& serving,
                            const ranking::RankingModel* ranker, LiveEngineOptions options,
                            std::string_view name);

}  // namespace upnext::studies

#endif  // UPNEXT_STUDIES_LIVE_ARM_H_
