#include "studies/live_arm.h"

#include <utility>

#include "base/clock.h"
#include "studies/live_value.h"

namespace upnext::studies {

Result<KeptSite> KeptUntil(const StudyRun& run, const simulator::World& world, int day) {
  SimulatedLog rows(world);
  UPNEXT_ASSIGN_OR_RETURN(simulator::LiveSite site, SiteAt(world, day, run.pool, run.progress,
                                                           [&](const simulator::UserRows& user) {
                                                             rows.Add(user);
                                                             return Ok();
                                                           }));
  return KeptSite{std::move(site), std::move(rows)};
}

Result<LoggedSite> LogUntil(const StudyRun& run, const simulator::World& world, int day) {
  UPNEXT_ASSIGN_OR_RETURN(KeptSite kept, KeptUntil(run, world, day));
  UPNEXT_ASSIGN_OR_RETURN(
      log::EventLog log,
      kept.rows.Write(run.folder / "log", world.options().start_ms() + day * base::kDayMs));
  return LoggedSite{std::move(kept.site), std::move(log)};
}

Result<LiveArm> OpenLiveArm(const StudyRun& run, const simulator::World& world,
                            const Trained& shared, const training::ServingParts& serving,
                            const ranking::RankingModel* ranker, LiveEngineOptions options,
                            std::string_view name) {
  LiveArm arm;
  const log::EventLog& log = shared.source().log;
  UPNEXT_ASSIGN_OR_RETURN(
      arm.bundle, OpenBundleOf(serving.Of({&shared.candidate(), ranker}), log, run.folder / name));
  options.rule = shared.dataset->rule();
  UPNEXT_ASSIGN_OR_RETURN(arm.engine, LiveEngine::Make(world, log, *arm.bundle, options, run.pool));
  return arm;
}

}  // namespace upnext::studies
