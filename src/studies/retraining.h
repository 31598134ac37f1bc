// Rounds of an engine on its own slates: it is trained on the log that the site keeps, chooses all
// slates for some days, is trained on the log that the site has then, and so on.
//
//   UPNEXT_ASSIGN_OR_RETURN(KeptSite kept, KeptUntil(run, world, rounds.first));
//   for (int number = 0; number < rounds.count; ++number) {
//     UPNEXT_RETURN_IF_ERROR(Retrain(run, rounds, number, world, arm, &kept.rows,
//         [&](const Trained&, LiveEngine& engine) {
//           return KeptRound(run, rounds, number, engine, &kept, take);
//         }));
//   }
//
// One thread at a time per site. Every arm starts from a copy of the same KeptSite.
#ifndef UPNEXT_STUDIES_RETRAINING_H_
#define UPNEXT_STUDIES_RETRAINING_H_

#include <functional>
#include <string>

#include "base/status.h"
#include "simulator/live.h"
#include "simulator/recommender.h"
#include "simulator/world.h"
#include "simulator/world_options.h"
#include "studies/live_arm.h"
#include "studies/live_engine.h"
#include "studies/models.h"
#include "studies/simulated_log.h"
#include "studies/study.h"
#include "training/options.h"

namespace upnext::studies {

struct Rounds {
  simulator::WorldOptions world;
  int first = 0;   // days of the logging policy before the rounds
  int days = 0;    // of a round
  int count = 0;   // rounds
  int memory = 0;  // days that the log keeps
  // The day on which a round begins, rounds counted from 0.
  int DayOf(int number) const { return first + number * days; }
};
// The world, the logging policy's days, the rounds and the days kept, for people.
Settings SettingsOf(const Rounds& rounds);

struct RoundArm {
  std::string name;
  training::Options training;
  LiveEngineOptions engine;  // its rule is that of the training's labels
};
// Drops the rows that the log no longer keeps before round `number`, trains on the others, and calls
// `live` with the models and the engine on them, which exist during the call.
Status Retrain(const StudyRun& run, const Rounds& rounds, int number, const simulator::World& world,
               const RoundArm& arm, SimulatedLog* rows,
               const std::function<Status(const Trained&, LiveEngine&)>& live);

// Runs the days of a round under one recommender.
Status LiveRound(const StudyRun& run, const Rounds& rounds, int number,
                 simulator::Recommender& recommender, simulator::LiveSite* site,
                 const simulator::LiveSite::Take& take);
// The same on a site whose log keeps the rows, after `take` has seen them.
Status KeptRound(const StudyRun& run, const Rounds& rounds, int number,
                 simulator::Recommender& recommender, KeptSite* kept,
                 const simulator::LiveSite::Take& take);

}  // namespace upnext::studies

#endif  // UPNEXT_STUDIES_RETRAINING_H_
