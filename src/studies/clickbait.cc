// Study clickbait (Covington 2016, section 4.2; checklist RK-12, RK-14): does ranking by expected
// watch time, learned by weighted logistic regression, show less clickbait than ranking by clicks?
#include <fmt/format.h>

#include "evaluation/report.h"
#include "ranking/ranker_training.h"
#include "schema/event.h"
#include "simulator/world_options.h"
#include "studies/live_arm.h"
#include "studies/live_value.h"
#include "studies/models.h"
#include "studies/registry.h"
#include "training/serving_parts.h"
#include "training/train.h"

namespace upnext::studies {
namespace {

constexpr char kWatch[] = "watch time", kClick[] = "clicks";

struct ClickbaitPlan {
  simulator::WorldOptions world;
  int live_from;  // the first day, from 0, on which the engine chooses slates
};

ClickbaitPlan ClickbaitPlanOf(Scale scale) {
  ClickbaitPlan plan;
  const bool tiny = scale == Scale::kTiny;
  plan.world.users = tiny ? 200 : 1500;
  plan.world.items = tiny ? 250 : 1500;
  plan.world.days = tiny ? 9 : 22;
  plan.live_from = tiny ? 8 : 20;
  plan.world.response.click_clickbait = 1.0;
  plan.world.response.watch_clickbait = -1.2;
  return plan;
}

ranking::Objective ObjectiveOf(std::string_view arm) {
  if (arm == kWatch) return WatchObjective();
  ranking::Objective click;
  click.name = "click";
  click.score_weight = 1;
  return click;
}

// Totals of the slates.
struct Shown {
  double items = 0, clickbait = 0, quality = 0;
};

Status RunClickbaitArm(const StudyRun& run, const char* arm, const training::Options& options,
                       const Trained& shared, const training::ServingParts& serving,
                       const simulator::World& world, const simulator::LiveSite& site, int from,
                       Measurements* out) {
  UPNEXT_ASSIGN_OR_RETURN(
      const ranking::TrainedRanker trained,
      ranking::TrainRanker(shared.source(), shared.statistics(), options.train.ranker,
                           {ObjectiveOf(arm)}, options.train.ranker_train, run.pool, run.progress));
  UPNEXT_ASSIGN_OR_RETURN(const LiveArm live,
                          OpenLiveArm(run, world, shared, serving, trained.ranker.get(), {}, arm));
  Shown shown;
  const auto count = [&](const simulator::UserRows& rows) {
    for (const simulator::LogRow& row : rows.rows) {
      if (row.type != schema::EventType::kImpression) continue;
      shown.items += 1;
      shown.clickbait += static_cast<double>(world.catalogue().item(row.item).clickbait);
      shown.quality += static_cast<double>(world.catalogue().item(row.item).quality);
    }
    return Ok();
  };
  UPNEXT_ASSIGN_OR_RETURN(const simulator::UserValues values,
                          LiveDays(site, world, *live.engine, from, world.options().days, run.pool,
                                   run.progress, count));
  const simulator::Value total = values.total();
  if (total.slates == 0) return FailedPrecondition("no user visited on the live days");
  out->Set(arm, "watch_s", total.watch_s / total.slates);
  out->Set(arm, "clicks", total.clicks / total.slates);
  out->Set(arm, "seconds_a_click", total.watch_s / total.clicks);
  out->Set(arm, "satisfaction", total.satisfaction / total.slates);
  out->Set(arm, "satisfaction_a_click", total.satisfaction / total.clicks);
  out->Set(arm, "clickbait", shown.clickbait / shown.items);
  out->Set(arm, "quality", shown.quality / shown.items);
  UPNEXT_ASSIGN_OR_RETURN(const evaluation::Report report,
                          training::Evaluate(*shared.dataset, {nullptr, trained.ranker.get()},
                                             options.evaluate, run.pool, run.progress));
  if (report.ranking && report.ranking->impressions > 0) {
    out->Set(arm, "user_loss", report.ranking->model.metrics.at("weighted_user_loss").value);
  }
  return Ok();
}

Result<Measurements> RunClickbait(const StudyRun& run) {
  ClickbaitPlan plan = ClickbaitPlanOf(run.scale);
  plan.world.seed = run.seed;
  UPNEXT_ASSIGN_OR_RETURN(const simulator::World world, simulator::World::Create(plan.world));
  UPNEXT_ASSIGN_OR_RETURN(const LoggedSite logged, LogUntil(run, world, plan.live_from));
  training::Options options = TrainingOf(run.scale, run.seed);
  options.dataset.features.drop = {"source"};  // the logging policy's sources are not the engine's
  options.train.train_ranking = false;
  UPNEXT_ASSIGN_OR_RETURN(const Trained trained,
                          TrainOn(logged.log, options, run.pool, run.progress));
  UPNEXT_ASSIGN_OR_RETURN(const auto serving,
                          training::ServingParts::Learn(*trained.dataset, trained.models.models(),
                                                        options.train, run.pool, run.progress));
  Measurements measured;
  for (const char* arm : {kWatch, kClick}) {
    UPNEXT_RETURN_IF_ERROR(RunClickbaitArm(run, arm, options, trained, serving, world, logged.site,
                                           plan.live_from, &measured));
  }
  return measured;
}

Settings ClickbaitSettings(Scale scale) {
  const ClickbaitPlan plan = ClickbaitPlanOf(scale);
  Settings settings = WorldSettings(plan.world);
  settings.emplace_back("live days", fmt::format("{}", plan.world.days - plan.live_from));
  settings.emplace_back("click_clickbait",
                        fmt::format("{:g}", plan.world.response.click_clickbait));
  settings.emplace_back("watch_clickbait",
                        fmt::format("{:g}", plan.world.response.watch_clickbait));
  return settings;
}

}  // namespace

Study ClickbaitStudy() {
  return {
      .name = "clickbait",
      .question =
          "Does ranking by expected watch time give users more watch time than ranking by "
          "clicks, in a world with clickbait?",
      .method =
          "Two rankers are trained on the same log, with the same candidate model: one on the "
          "expected watch time by weighted logistic regression, the other on clicks. Each then "
          "chooses all slates of the same live days, for the same users with the same random "
          "numbers.",
      .metrics = {{"watch_s", "true expected watch seconds per slate of ten", 2},
                  {"clicks", "true expected clicks per slate", 4},
                  {"seconds_a_click", "true expected watch seconds per click", 1},
                  {"satisfaction", "true expected satisfaction per slate, summed over clicks", 4},
                  {"satisfaction_a_click", "true mean satisfaction after a click, in (0, 1)", 4},
                  {"clickbait", "mean clickbait of the shown items, in standard deviations", 3},
                  {"quality", "mean quality of the shown items, in standard deviations", 3},
                  {"user_loss",
                   "weighted per-user loss on the log's next day (paper 4.3); less is better", 4}},
      .plots = {},
      .claims = {{"watch-time training gives more watch time", "watch_s", kWatch, kClick, 0},
                 {"it shows less clickbait", "clickbait", kWatch, kClick,
                  -std::numeric_limits<double>::infinity(), 0},
                 {"each click leads to more watch time", "seconds_a_click", kWatch, kClick, 0},
                 {"each click leads to more satisfaction", "satisfaction_a_click", kWatch, kClick,
                  0},
                 {"satisfaction per slate is higher", "satisfaction", kWatch, kClick, 0},
                 {"the weighted per-user loss on the log is lower", "user_loss", kWatch, kClick,
                  -std::numeric_limits<double>::infinity(), 0}},
      .settings = ClickbaitSettings,
      .run = RunClickbait};
}

}  // namespace upnext::studies
