// The live part of study position-bias: what a treatment of position bias is worth to an engine that
// is trained on the log of its own slates.
#include <fmt/format.h>

#include "evaluation/position_overlap.h"
#include "examples/split.h"
#include "ranking/bias_features.h"
#include "simulator/value.h"
#include "studies/models.h"
#include "studies/position_bias.h"
#include "training/options.h"

namespace upnext::studies {
namespace {

// Expected watch time orders the slates; both of its objectives have the bias.
training::Options LiveBiasOptions(const StudyRun& run, ranking::BiasMethod method) {
  training::Options options = BiasStudyOptions(run);
  options.dataset.features.drop = {"source"};  // past sources are not the engine's
  options.dataset.split.validation_days = 1;
  options.dataset.split.test_days = 0;
  training::TrainOptions& train = options.train;
  train.train_retrieval = true;
  train.candidate.depth = 0;
  train.candidate_train.epochs = run.scale == Scale::kTiny ? 2 : 8;
  train.objectives[0].score_weight = 0;
  train.objectives.insert(train.objectives.begin(), WatchObjective());
  train.objectives[0].position_bias = true;
  train.ranker.bias.method = method;
  return options;
}

// The watch seconds of a slate in a round, whose rows are added to the log.
Result<double> WatchOfRound(const StudyRun& run, const Rounds& rounds, int number,
                            LiveEngine& engine, KeptSite* kept) {
  simulator::UserValues values(rounds.world.users);
  UPNEXT_RETURN_IF_ERROR(
      KeptRound(run, rounds, number, engine, kept, [&](const simulator::UserRows& user) {
        values.Add(user);
        return Ok();
      }));
  const simulator::Value total = values.total();
  if (total.slates == 0) return FailedPrecondition("no user visited in round {}", number + 1);
  return total.watch_s / total.slates;
}

}  // namespace

Rounds BiasRounds(Scale scale, const BiasStrength& strength) {
  const bool tiny = scale == Scale::kTiny;
  Rounds rounds{.world = BiasWorld(scale, strength),
                .first = tiny ? 6 : 8,
                .days = tiny ? 1 : 2,
                .count = tiny ? 2 : 5,
                .memory = tiny ? 6 : 8};  // in the last round all of these are the engine's own
  rounds.world.days = rounds.DayOf(rounds.count);
  return rounds;
}

std::string ArmOf(const LiveBias& live, ranking::BiasMethod method) {
  return fmt::format("{}: {}", live.name, ranking::kBiasMethods[static_cast<size_t>(method)]);
}

Status RunLiveBias(const StudyRun& run, const LiveBias& live, Measurements* out) {
  Rounds rounds = BiasRounds(run.scale, live.strength);
  rounds.world.seed = run.seed;
  UPNEXT_ASSIGN_OR_RETURN(const simulator::World world, simulator::World::Create(rounds.world));
  UPNEXT_ASSIGN_OR_RETURN(const KeptSite first, KeptUntil(run, world, rounds.first));
  for (const ranking::BiasMethod method : kBiasArms) {
    const std::string arm = ArmOf(live, method);
    const RoundArm of{arm, LiveBiasOptions(run, method), {.explore = live.explore}};
    KeptSite kept = first;
    double later_s = 0;  // of the rounds whose log has slates of its own
    for (int number = 0; number < rounds.count; ++number) {
      const auto serve = [&](const Trained& trained, LiveEngine& engine) -> Status {
        UPNEXT_ASSIGN_OR_RETURN(const double watch_s,
                                WatchOfRound(run, rounds, number, engine, &kept));
        const evaluation::PositionOverlap overlap = evaluation::OverlapOf(
            evaluation::CountPositions(trained.source(), examples::SplitPart::kTrain, run.pool));
        if (number > 0) later_s += watch_s;
        out->Set(arm, "live_watch_s", watch_s);  // that of the last round remains
        out->Set(arm, "separable", overlap.separable() ? 1 : 0);
        out->AddPoint(kLiveBiasPlot, arm, number + 1, watch_s);
        return Ok();
      };
      UPNEXT_RETURN_IF_ERROR(Retrain(run, rounds, number, world, of, &kept.rows, serve));
    }
    out->Set(arm, "live_mean_s", later_s / (rounds.count - 1));
  }
  return Ok();
}

}  // namespace upnext::studies
