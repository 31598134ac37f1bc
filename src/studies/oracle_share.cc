// Study oracle-share: which share of the watch time that an oracle gives do retrieval, the ranker and
// each of its parts give, on a site four times the demo?
#include <fmt/format.h>

#include "base/clock.h"
#include "evaluation/impressions.h"
#include "evaluation/page_values.h"
#include "evaluation/score_search.h"
#include "examples/split.h"
#include "log/event_log.h"
#include "ranking/ranker_training.h"
#include "schema/event.h"
#include "serving/slate.h"
#include "simulator/policies.h"
#include "simulator/world_options.h"
#include "studies/live_arm.h"
#include "studies/live_value.h"
#include "studies/models.h"
#include "studies/registry.h"
#include "studies/simulated_log.h"
#include "training/options.h"
#include "training/serving_parts.h"

namespace upnext::studies {
namespace {

using ranking::Objective;

constexpr char kOracle[] = "oracle", kPopular[] = "popularity", kRetrieval[] = "retrieval order",
               kTower[] = "tower", kBias[] = "tower, bias tower", kExperts[] = "mmoe, bias tower",
               kTuned[] = "mmoe, bias tower, tuned score";

struct SharePlan {
  simulator::WorldOptions world;
  int live_from;
};
SharePlan SharePlanOf(Scale scale) {
  SharePlan plan;
  const bool tiny = scale == Scale::kTiny;
  plan.world.users = tiny ? 200 : 8000;
  plan.world.items = tiny ? 250 : 12000;
  plan.world.days = tiny ? 9 : 16;
  plan.live_from = tiny ? 8 : 14;
  return plan;
}

// As configs/demo.toml, with completions next to the demo's objectives for the score to choose from.
training::Options ShareOptions(const StudyRun& run) {
  training::Options options = TrainingOf(run.scale, run.seed);
  options.dataset.features.drop = {"source"};  // the logging policy's sources are not the engine's
  training::TrainOptions& train = options.train;
  train.train_ranking = false;
  train.candidate.depth = 0;
  train.candidate_train.dropout = 0.3f;
  train.ranker.architecture.widths =
      run.scale == Scale::kTiny ? std::vector<size_t>{16} : std::vector<size_t>{256, 128};
  train.ranker_train.epochs = 2;  // more lose on the validation day
  const auto of_event = [](const char* name, schema::EventType event, bool position_bias) {
    Objective objective;
    objective.name = name;
    objective.event = event;
    objective.position_bias = position_bias;
    return objective;
  };
  Objective watch = WatchObjective(),
            completion = of_event("completion", schema::EventType::kClick, true);
  watch.position_bias = true;
  completion.label = Objective::Label::kCompletion;
  train.objectives = {watch, of_event("click", schema::EventType::kClick, true), completion,
                      of_event("like", schema::EventType::kLike, false)};
  return options;
}

// The world, its log before the live days, and what all arms share.
struct ShareSite {
  const StudyRun& run;
  const SharePlan& plan;
  const simulator::World& world;
  const simulator::LiveSite& site;
  const Trained& shared;
  const training::ServingParts& serving;
};

// Adds the true value of a policy on the live days; `oracle_s`: watch seconds of the oracle.
Result<double> MeasureShare(const ShareSite& of, const char* arm,
                            simulator::Recommender& recommender, double oracle_s,
                            Measurements* out) {
  UPNEXT_ASSIGN_OR_RETURN(const simulator::UserValues values,
                          LiveDays(of.site, of.world, recommender, of.plan.live_from,
                                   of.plan.world.days, of.run.pool, of.run.progress));
  const simulator::Value total = values.total();
  if (total.slates == 0) return FailedPrecondition("no user visited on the live days");
  const double watch_s = total.watch_s / total.slates;
  out->Set(arm, "share", watch_s / (oracle_s > 0 ? oracle_s : watch_s));
  out->Set(arm, "watch_s", watch_s);
  out->Set(arm, "clicks", total.clicks / total.slates);
  out->Set(arm, "satisfaction", total.satisfaction / total.slates);
  return watch_s;
}

Status MeasureRanker(const ShareSite& of, const char* name, const ranking::Ranker& ranker,
                     double oracle_s, Measurements* out) {
  UPNEXT_ASSIGN_OR_RETURN(const LiveArm arm,
                          OpenLiveArm(of.run, of.world, of.shared, of.serving, &ranker, {}, name));
  UPNEXT_RETURN_IF_ERROR(MeasureShare(of, name, *arm.engine, oracle_s, out));
  return Ok();
}

// The score that `upnext tune --target watch:1` chooses on the validation day.
Status TuneScore(const ShareSite& of, const training::Options& options, ranking::Ranker* ranker) {
  evaluation::EvaluateOptions evaluate = options.evaluate;
  evaluate.part = examples::SplitPart::kValidation;
  UPNEXT_ASSIGN_OR_RETURN(
      const evaluation::Impressions scored,
      evaluation::ScoreImpressions({of.shared.source(), of.shared.statistics(), nullptr, ranker},
                                   evaluate, of.run.pool, of.run.progress));
  const std::vector<Objective>& objectives = ranker->objectives();
  const evaluation::PageValues values(
      objectives, evaluation::UnwantedOf(objectives, of.shared.source().log.schema()), scored, {});
  UPNEXT_ASSIGN_OR_RETURN(
      const evaluation::ScoreSearchResult found,
      evaluation::SearchScore(values, objectives, {.target = "watch:1", .seed = of.run.seed},
                              of.run.pool, of.run.progress));
  ranking::ScoreWeights weights;
  for (size_t k = 0; k < objectives.size(); ++k) {
    weights[objectives[k].name] = found.chosen.exponents[k];
  }
  ranker->SetScoreWeights(weights);
  of.run.progress.Note("score: " + evaluation::ScoreText(found.objectives, found.chosen.exponents));
  return Ok();
}

Status MeasureRankers(const ShareSite& of, const training::Options& options, double oracle_s,
                      Measurements* out) {
  ranking::RankerOptions ranker = options.train.ranker;
  for (const char* name : {kTower, kBias, kExperts}) {
    if (name != kTower) ranker.bias.method = ranking::BiasMethod::kTower;
    if (name == kExperts) {
      ranker.architecture = {.name = "mmoe",
                             .widths = {128},
                             .task_widths = {32},
                             .experts = 8,
                             .expert_widths = {64}};
    }
    UPNEXT_ASSIGN_OR_RETURN(
        const ranking::TrainedRanker trained,
        ranking::TrainRanker(of.shared.source(), of.shared.statistics(), ranker,
                             options.train.objectives, options.train.ranker_train, of.run.pool,
                             of.run.progress));
    UPNEXT_RETURN_IF_ERROR(MeasureRanker(of, name, *trained.ranker, oracle_s, out));
    if (name != kExperts) continue;
    UPNEXT_RETURN_IF_ERROR(TuneScore(of, options, trained.ranker.get()));
    UPNEXT_RETURN_IF_ERROR(MeasureRanker(of, kTuned, *trained.ranker, oracle_s, out));
  }
  return Ok();
}

Result<Measurements> RunOracleShare(const StudyRun& run) {
  SharePlan plan = SharePlanOf(run.scale);
  plan.world.seed = run.seed;
  UPNEXT_ASSIGN_OR_RETURN(const simulator::World world, simulator::World::Create(plan.world));
  training::Options options = ShareOptions(run);
  UPNEXT_ASSIGN_OR_RETURN(const LoggedSite logged, LogUntil(run, world, plan.live_from));
  UPNEXT_ASSIGN_OR_RETURN(const Trained shared,
                          TrainOn(logged.log, options, run.pool, run.progress));
  UPNEXT_ASSIGN_OR_RETURN(const auto serving,
                          training::ServingParts::Learn(*shared.dataset, shared.models.models(),
                                                        options.train, run.pool, run.progress));
  const ShareSite of{run, plan, world, logged.site, shared, serving};
  Measurements measured;
  simulator::OraclePolicy oracle(world);
  simulator::PopularityPolicy popularity(world);
  UPNEXT_ASSIGN_OR_RETURN(const double oracle_s, MeasureShare(of, kOracle, oracle, 0, &measured));
  UPNEXT_RETURN_IF_ERROR(MeasureShare(of, kPopular, popularity, oracle_s, &measured));
  UPNEXT_ASSIGN_OR_RETURN(const LiveArm retrieval,
                          OpenLiveArm(run, world, shared, serving, nullptr,
                                      {.stage = serving::Stage::kRetrieval}, kRetrieval));
  UPNEXT_RETURN_IF_ERROR(MeasureShare(of, kRetrieval, *retrieval.engine, oracle_s, &measured));
  UPNEXT_RETURN_IF_ERROR(MeasureRankers(of, options, oracle_s, &measured));
  return measured;
}

Settings ShareSettings(Scale scale) {
  const SharePlan plan = SharePlanOf(scale);
  Settings settings = WorldSettings(plan.world);
  settings.emplace_back("live days", fmt::format("{}", plan.world.days - plan.live_from));
  return settings;
}

}  // namespace

Study OracleShareStudy() {
  return {
      .name = "oracle-share",
      .question =
          "Which share of the watch time that an oracle gives do popularity, retrieval, the ranker "
          "and each of its parts give?",
      .method =
          "A world of four times the users and items of the demo is logged; all arms share its "
          "candidate model and generators. Each then chooses all slates of the two days after, for "
          "the same users with the same random numbers. The oracle orders all items by the true "
          "probabilities. The score is tuned on the validation day of the log, for watch time.",
      .metrics = {{"share", "true watch seconds of a slate, as a share of the oracle's", 3},
                  {"watch_s", "true expected watch seconds per slate of ten", 1},
                  {"clicks", "true expected clicks per slate", 3},
                  {"satisfaction", "true expected satisfaction per slate", 3}},
      .plots = {},
      .claims = {{"retrieval gives more than popularity", "share", kRetrieval, kPopular, 0},
                 {"the ranker gives more than retrieval", "share", kTower, kRetrieval, 0},
                 {"the bias tower adds to it", "share", kBias, kTower, 0},
                 {"experts add to it", "share", kExperts, kBias, 0},
                 {"the tuned score adds to it", "share", kTuned, kExperts, 0},
                 {"all parts together give 60 % of the oracle", "share", kTuned, "", 0.6, 1}},
      .settings = ShareSettings,
      .run = RunOracleShare};
}

}  // namespace upnext::studies
