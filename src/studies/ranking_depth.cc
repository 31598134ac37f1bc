// Study ranking-depth (Covington 2016, section 4.3, table 1; checklist RK-06, RK-11, RK-14): the ranker
// of expected watch time with no hidden layer up to three, without the powers of its numbers, and
// with equal weights for all impressions.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <limits>

#include "evaluation/report.h"
#include "log/event_log.h"
#include "ranking/ranker_training.h"
#include "simulator/world_options.h"
#include "studies/models.h"
#include "studies/registry.h"
#include "studies/simulated_log.h"
#include "training/options.h"
#include "training/train.h"

namespace upnext::studies {
namespace {

constexpr char kNone[] = "none", kDeepest[] = "1024-512-256",
               kNoPowers[] = "1024-512-256, no powers", kEqual[] = "1024-512-256, equal weights";

// The rows of table 1.
const std::vector<std::vector<size_t>>& DepthShapes() {
  static const std::vector<std::vector<size_t>> kShapes = {
      {}, {256}, {512}, {1024}, {512, 256}, {1024, 512}, {1024, 512, 256}};
  return kShapes;
}

simulator::WorldOptions DepthWorld(Scale scale) {
  simulator::WorldOptions world;
  const bool tiny = scale == Scale::kTiny;
  world.users = tiny ? 200 : 3000;
  world.items = tiny ? 250 : 3000;
  world.days = tiny ? 9 : 24;
  return world;
}

training::Options DepthOptions(const StudyRun& run, bool powers) {
  training::Options options = TrainingOf(run.scale, run.seed);
  options.train.train_retrieval = options.train.train_ranking = false;
  options.dataset.split.test_days = 2;
  if (!powers) options.dataset.features.drop = {"powers"};
  // As many epochs for each shape, at rates that fall to zero: the epoch with the least validation
  // loss would be one of the first for the large ones.
  options.train.ranker_train.epochs = run.scale == Scale::kTiny ? 2 : 4;
  options.train.ranker_train.decay = true;
  options.train.ranker_train.field_dropout = 0.2f;
  return options;
}

Status RunShape(const StudyRun& run, const training::Options& options,
                const training::Dataset& dataset, const std::vector<size_t>& widths,
                const ranking::Objective& objective, const std::string& arm, Measurements* out) {
  ranking::RankerOptions ranker = options.train.ranker;
  ranker.architecture.name = widths.empty() ? "linear" : "tower";
  ranker.architecture.widths = widths;
  const auto begin = std::chrono::steady_clock::now();
  UPNEXT_ASSIGN_OR_RETURN(
      const ranking::TrainedRanker trained,
      ranking::TrainRanker(dataset.source(), dataset.statistics(), ranker, {objective},
                           options.train.ranker_train, run.pool, run.progress));
  const auto trained_at = std::chrono::steady_clock::now();
  UPNEXT_ASSIGN_OR_RETURN(const evaluation::Report report,
                          training::Evaluate(dataset, {nullptr, trained.ranker.get()},
                                             options.evaluate, run.pool, run.progress));
  if (!report.ranking || report.ranking->impressions == 0) {
    return FailedPrecondition("no impressions on the held-out days");
  }
  const auto metric = [&](const char* name) {
    return report.ranking->model.metrics.at(name).value;
  };
  out->Set(arm, "user_loss", 100 * metric("weighted_user_loss"));
  if (objective.label == ranking::Objective::Label::kWatchSeconds) {
    out->Set(arm, "xauc", metric("watch_xauc"));
  }
  const auto multiplications = static_cast<double>(trained.ranker->multiplications());
  out->Set(arm, "multiplications", multiplications);
  out->Set(arm, "train_s", std::chrono::duration<double>(trained_at - begin).count());
  out->Set(arm, "evaluate_s",
           std::chrono::duration<double>(std::chrono::steady_clock::now() - trained_at).count());
  return Ok();
}

Result<Measurements> RunRankingDepth(const StudyRun& run) {
  simulator::WorldOptions world_options = DepthWorld(run.scale);
  world_options.seed = run.seed;
  UPNEXT_ASSIGN_OR_RETURN(const simulator::World world, simulator::World::Create(world_options));
  UPNEXT_ASSIGN_OR_RETURN(const log::EventLog log,
                          LogOf(world, run.folder / "log", run.pool, run.progress));
  Measurements measured;
  ranking::Objective click;
  click.name = "click";
  click.score_weight = 1;
  for (const bool powers : {true, false}) {
    const training::Options options = DepthOptions(run, powers);
    UPNEXT_ASSIGN_OR_RETURN(const auto dataset, training::Dataset::Prepare(log, options.dataset,
                                                                           run.pool, run.progress));
    const auto arm = [&](const std::vector<size_t>& widths, const ranking::Objective& objective,
                         const std::string& name) {
      return RunShape(run, options, *dataset, widths, objective, name, &measured);
    };
    if (!powers) {
      UPNEXT_RETURN_IF_ERROR(arm(DepthShapes().back(), WatchObjective(), kNoPowers));
      continue;
    }
    for (const std::vector<size_t>& widths : DepthShapes()) {
      const std::string name = widths.empty() ? kNone : fmt::format("{}", fmt::join(widths, "-"));
      UPNEXT_RETURN_IF_ERROR(arm(widths, WatchObjective(), name));
    }
    UPNEXT_RETURN_IF_ERROR(arm(DepthShapes().back(), click, kEqual));
  }
  return measured;
}

Settings DepthSettings(Scale scale) { return WorldSettings(DepthWorld(scale)); }

std::vector<Claim> DepthClaims() {
  constexpr double kBelow = -std::numeric_limits<double>::infinity();
  return {{"hidden layers lower the loss", "user_loss", kDeepest, kNone, kBelow, 0},
          {"three layers are not worse than one of the first's width", "user_loss", kDeepest,
           "1024", kBelow, 0.2},
          {"a wide layer is not worse than a narrow one", "user_loss", "1024", "256", kBelow, 0.2},
          {"without powers the loss is higher", "user_loss", kNoPowers, kDeepest, 0},
          {"with equal weights the loss is higher", "user_loss", kEqual, kDeepest, 0}};
}

}  // namespace

Study RankingDepthStudy() {
  return {
      .name = "ranking-depth",
      .question =
          "What do hidden layers of the ranker gain, in the form of table 1 of Covington 2016, and "
          "what do powers of numbers and weights by watch time?",
      .method =
          "Rankers of expected watch time with the shapes of table 1 are trained on one log of the "
          "simulated world; the largest also without squares and roots of its numbers, and on "
          "clicks, with equal weights. The loss is over the pages of the two days after.",
      .metrics = {{"user_loss",
                   "weighted per-user loss, %: watch time ranked below an unclicked impression of "
                   "the same page",
                   2},
                  {"xauc", "share of pairs of impressions in the order of their watch time"},
                  {"multiplications", "of the ranker for one impression", 0},
                  {"train_s", "seconds of training", 1},
                  {"evaluate_s", "seconds to evaluate the held-out days", 1}},
      .plots = {},
      .claims = DepthClaims(),
      .settings = DepthSettings,
      .run = RunRankingDepth};
}

}  // namespace upnext::studies
