// Study candidate-ablation (Covington 2016, section 3.5, figure 6; checklist EV-02, CG-10): features
// and depth of the candidate model, each arm trained on the same log.
#include <fmt/format.h>

#include <string>
#include <vector>

#include "evaluation/report.h"
#include "log/event_log.h"
#include "simulator/world_options.h"
#include "studies/models.h"
#include "studies/registry.h"
#include "studies/simulated_log.h"
#include "training/options.h"
#include "training/train.h"

namespace upnext::studies {
namespace {

constexpr char kMapByDepth[] = "MAP by depth";
constexpr uint32_t kDeepestTower = 4;

// What each set of features leaves out, the smallest set first, as in the figure.
struct FeatureSet {
  std::string name;
  std::vector<std::string> drop;
};
const std::vector<FeatureSet>& FeatureSets() {
  static const std::vector<FeatureSet> kSets = {
      {"watches", {"searches", "example_age", "region", "device", "age", "gender", "logged_in"}},
      {"watches and searches", {"example_age", "region", "device", "age", "gender", "logged_in"}},
      {"watches, searches and example age", {"region", "device", "age", "gender", "logged_in"}},
      {"all features", {}}};
  return kSets;
}

std::string AblationArm(const FeatureSet& features, uint32_t depth) {
  return fmt::format("{}, depth {}", features.name, depth);
}

simulator::WorldOptions AblationWorld(Scale scale) {
  simulator::WorldOptions world;
  const bool tiny = scale == Scale::kTiny;
  world.users = tiny ? 200 : 3000;
  world.items = tiny ? 200 : 2000;
  world.days = tiny ? 10 : 30;
  return world;
}

Status RunAblationArm(const StudyRun& run, const log::EventLog& log, const FeatureSet& features,
                      uint32_t depth, Measurements* out) {
  training::Options options = TrainingOf(run.scale, run.seed);
  options.train.train_ranking = false;
  options.dataset.features.drop = features.drop;
  options.train.candidate.depth = depth;
  UPNEXT_ASSIGN_OR_RETURN(const Trained trained, TrainOn(log, options, run.pool, run.progress));
  UPNEXT_ASSIGN_OR_RETURN(const evaluation::Metrics metrics,
                          RetrievalMetrics(trained, options.evaluate, run.pool, run.progress));
  const std::string arm = AblationArm(features, depth);
  out->Set(arm, "map", 100 * metrics.at("map").value);
  out->Set(arm, "recall", metrics.at("recall@50").value);
  out->Set(arm, "multiplications",
           static_cast<double>(trained.candidate().encoder().multiplications()));
  out->AddPoint(kMapByDepth, features.name, depth, 100 * metrics.at("map").value);
  return Ok();
}

Result<Measurements> RunAblation(const StudyRun& run) {
  simulator::WorldOptions options = AblationWorld(run.scale);
  options.seed = run.seed;
  UPNEXT_ASSIGN_OR_RETURN(const simulator::World world, simulator::World::Create(options));
  UPNEXT_ASSIGN_OR_RETURN(const log::EventLog log,
                          LogOf(world, run.folder / "log", run.pool, run.progress));
  Measurements measured;
  for (const FeatureSet& features : FeatureSets()) {
    for (uint32_t depth = 0; depth <= kDeepestTower; ++depth) {
      UPNEXT_RETURN_IF_ERROR(RunAblationArm(run, log, features, depth, &measured));
    }
  }
  return measured;
}

Settings AblationSettings(Scale scale) { return WorldSettings(AblationWorld(scale)); }

std::vector<Claim> AblationClaims() {
  const FeatureSet &watches = FeatureSets().front(), &all = FeatureSets().back();
  return {
      {"all features without a hidden layer are better than watches alone in the deepest tower",
       "map", AblationArm(all, 0), AblationArm(watches, kDeepestTower), 0},
      {"searches add to watches", "map", AblationArm(FeatureSets()[1], 2), AblationArm(watches, 2),
       0},
      {"the example age adds to both", "map", AblationArm(FeatureSets()[2], 2),
       AblationArm(FeatureSets()[1], 2), 0},
      {"with all features hidden layers help", "map", AblationArm(all, 2), AblationArm(all, 0), 0}};
}

}  // namespace

Study CandidateAblationStudy() {
  return {
      .name = "candidate-ablation",
      .question = "What do features and depth of the candidate model gain, and which gains more?",
      .method =
          "Candidate models with towers of no to four hidden layers of halving widths that end in "
          "64 are trained on one log of the simulated world with four sets of features, and "
          "evaluated on the watches of the day after, as in figure 6 of Covington 2016.",
      .metrics = {{"map", "mean average precision of the next day's watches, %", 3},
                  {"recall", "recall@50 of the same"},
                  {"multiplications", "of the tower for one user", 0}},
      .plots = {{kMapByDepth, "hidden layers", "MAP, %"}},
      .claims = AblationClaims(),
      .settings = AblationSettings,
      .run = RunAblation};
}

}  // namespace upnext::studies
