#include "studies/retraining.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "log/event_log.h"
#include "training/serving_parts.h"

namespace upnext::studies {

Settings SettingsOf(const Rounds& rounds) {
  Settings settings = WorldSettings(rounds.world);
  settings.emplace_back("logging policy", fmt::format("{} days", rounds.first));
  settings.emplace_back("rounds", fmt::format("{} of {} days", rounds.count, rounds.days));
  settings.emplace_back("days kept in the log", fmt::format("{} days", rounds.memory));
  return settings;
}

Status Retrain(const StudyRun& run, const Rounds& rounds, int number, const simulator::World& world,
               const RoundArm& arm, SimulatedLog* rows,
               const std::function<Status(const Trained&, LiveEngine&)>& live) {
  const std::string name = fmt::format("{}-{}", arm.name, number);
  const int64_t now = rounds.world.start_ms() + rounds.DayOf(number) * base::kDayMs;
  rows->ForgetBefore(now - rounds.memory * base::kDayMs);
  UPNEXT_ASSIGN_OR_RETURN(const log::EventLog log,
                          rows->Write(run.folder / (name + "-kept") / "log", now));
  UPNEXT_ASSIGN_OR_RETURN(const Trained trained,
                          TrainOn(log, arm.training, run.pool, run.progress));
  const training::Models models = trained.models.models();
  UPNEXT_ASSIGN_OR_RETURN(const auto serving, training::ServingParts::Learn(
                                                  *trained.dataset, models, arm.training.train,
                                                  run.pool, run.progress));
  UPNEXT_ASSIGN_OR_RETURN(const LiveArm served, OpenLiveArm(run, world, trained, serving,
                                                            models.ranker, arm.engine, name));
  return live(trained, *served.engine);
}

Status LiveRound(const StudyRun& run, const Rounds& rounds, int number,
                 simulator::Recommender& recommender, simulator::LiveSite* site,
                 const simulator::LiveSite::Take& take) {
  for (int day = rounds.DayOf(number); day < rounds.DayOf(number + 1); ++day) {
    UPNEXT_RETURN_IF_ERROR(
        site->RunDay(day, run.pool, [&](uint32_t) { return &recommender; }, take, run.progress));
  }
  return Ok();
}

Status KeptRound(const StudyRun& run, const Rounds& rounds, int number,
                 simulator::Recommender& recommender, KeptSite* kept,
                 const simulator::LiveSite::Take& take) {
  return LiveRound(run, rounds, number, recommender, &kept->site,
                   [&](const simulator::UserRows& user) -> Status {
                     UPNEXT_RETURN_IF_ERROR(take(user));
                     kept->rows.Add(user);
                     return Ok();
                   });
}

}  // namespace upnext::studies
