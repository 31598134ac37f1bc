// Study churn (Covington 2016, section 4.1; checklist RK-09): with features of impressions that were
// not watched, does an item that was shown and not watched lose its place on the next page, and do
// users watch more?
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/clock.h"
#include "catalogue/catalogue.h"
#include "features/positive_rule.h"
#include "log/event_log.h"
#include "schema/event.h"
#include "serving/engine.h"
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

constexpr char kAware[] = "with impressions", kUnaware[] = "without";
constexpr uint32_t kPage = 10, kList = 200;
constexpr int64_t kNextPageMs = 60'000, kNextSessionMs = 30 * 60'000;

struct ChurnPlan {
  simulator::WorldOptions world;
  int live_from;
  uint32_t probed;  // users whose pages are compared
};

ChurnPlan ChurnPlanOf(Scale scale) {
  ChurnPlan plan;
  const bool tiny = scale == Scale::kTiny;
  plan.world.users = tiny ? 400 : 2000;
  plan.world.items = tiny ? 250 : 2000;
  plan.world.days = tiny ? 11 : 24;
  plan.world.sessions.more_pages = 0.7;
  // Tastes that no feature shows, and positions that most users look at: an impression that was not
  // watched then says something of the user. A user of the world does not tire of an item.
  plan.world.response.click_style = 2;
  plan.world.examination.floor.fill(0.7);
  plan.live_from = tiny ? 10 : 21;
  plan.probed = tiny ? 50 : 400;
  return plan;
}

training::Options ChurnOptions(const StudyRun& run, const char* arm) {
  training::Options options = TrainingOf(run.scale, run.seed);
  options.dataset.features.drop = {"source"};  // the logging policy's sources are not the engine's
  if (arm == kUnaware) {
    options.dataset.features.drop.insert(options.dataset.features.drop.end(),
                                         {"item_impressions", "since_item_impression_s"});
  }
  return options;
}

// Sums over users.
struct Pages {
  double users = 0, same = 0, same_idle = 0;  // of kPage items
  double items = 0, change = 0, change_idle = 0, rank = 0;
};

// Adds how the items of a page stand in a later list.
void Compare(std::span<const serving::Recommendation> page,
             std::span<const serving::Recommendation> later, double* same, double* change,
             Pages* pages) {
  for (const serving::Recommendation& item : page) {
    const auto found = std::ranges::find(later, item.item, &serving::Recommendation::item);
    const auto place = static_cast<size_t>(found - later.begin());
    if (place < kPage) *same += 1;
    // An item that left the list has at most the score of its end.
    const double score = found == later.end() ? later.back().score : found->score;
    *change += std::log(score / item.score);
    if (pages == nullptr) continue;
    pages->items += 1;
    pages->rank += static_cast<double>(place + 1);
  }
}

// A user sees a page and watches nothing of it; the next page a minute later, next to the page that
// another user in the same state who was shown nothing gets.
Status ProbeUser(const serving::Engine& engine, const catalogue::Catalogue& catalogue,
                 const features::PositiveRule& rule, const std::string& name, int64_t time_ms,
                 features::UserState state, Pages* pages) {
  serving::Request request{
      .user = name, .n = kList, .device = simulator::kDeviceNames[0], .time_ms = time_ms};
  UPNEXT_ASSIGN_OR_RETURN(const serving::Slate first, engine.Recommend(state, request));
  if (first.items.size() < kPage) return Ok();
  const std::span page = std::span(first.items).first(kPage);
  request.time_ms += kNextPageMs;
  UPNEXT_ASSIGN_OR_RETURN(const serving::Slate idle, engine.Recommend(state, request));
  for (uint16_t place = 0; place < kPage; ++place) {
    state.Apply({.time_ms = time_ms,
                 .type = schema::EventType::kImpression,
                 .item = page[place].item,
                 .position = static_cast<uint16_t>(place + 1)},
                catalogue, rule);
  }
  UPNEXT_ASSIGN_OR_RETURN(const serving::Slate next, engine.Recommend(state, request));
  pages->users += 1;
  Compare(page, idle.items, &pages->same_idle, &pages->change_idle, nullptr);
  Compare(page, next.items, &pages->same, &pages->change, pages);
  return Ok();
}

Status ProbePages(const ChurnPlan& plan, const Trained& trained, const LiveArm& arm,
                  const char* name, Measurements* out) {
  const catalogue::Catalogue catalogue(trained.source().log);
  const serving::Engine engine(*arm.bundle, catalogue, {});
  const int64_t time_ms = plan.world.start_ms() + plan.live_from * base::kDayMs;
  Pages pages;
  for (uint32_t user = 0; user < plan.world.users && pages.users < plan.probed; ++user) {
    const features::UserState& state = arm.engine->state(user);
    if (state.totals().events == 0) continue;
    UPNEXT_RETURN_IF_ERROR(ProbeUser(engine, catalogue, trained.dataset->rule(), UserName(user),
                                     time_ms, state, &pages));
  }
  if (pages.users == 0) return FailedPrecondition("no user has a page of {} items", kPage);
  out->Set(name, "overlap", pages.same / (kPage * pages.users));
  out->Set(name, "overlap_idle", pages.same_idle / (kPage * pages.users));
  out->Set(name, "score", std::exp(pages.change / pages.items));
  out->Set(name, "score_idle", std::exp(pages.change_idle / pages.items));
  out->Set(name, "rank", pages.rank / pages.items);
  return Ok();
}

Status RunChurnArm(const StudyRun& run, const ChurnPlan& plan, const simulator::World& world,
                   const LoggedSite& logged, const char* name, Measurements* out) {
  const training::Options options = ChurnOptions(run, name);
  UPNEXT_ASSIGN_OR_RETURN(const Trained trained,
                          TrainOn(logged.log, options, run.pool, run.progress));
  UPNEXT_ASSIGN_OR_RETURN(const auto serving,
                          training::ServingParts::Learn(*trained.dataset, trained.models.models(),
                                                        options.train, run.pool, run.progress));
  UPNEXT_ASSIGN_OR_RETURN(
      const LiveArm arm,
      OpenLiveArm(run, world, trained, serving, trained.models.ranker.ranker.get(), {}, name));
  UPNEXT_RETURN_IF_ERROR(ProbePages(plan, trained, arm, name, out));
  double sessions = 0;
  const auto count = [&](const simulator::UserRows& rows) {
    int64_t last_ms = std::numeric_limits<int64_t>::min() / 2;
    for (const simulator::LogRow& row : rows.rows) {
      if (row.type != schema::EventType::kImpression) continue;
      if (row.time_ms - last_ms > kNextSessionMs) sessions += 1;
      last_ms = row.time_ms;
    }
    return Ok();
  };
  UPNEXT_ASSIGN_OR_RETURN(const simulator::UserValues values,
                          LiveDays(logged.site, world, *arm.engine, plan.live_from, plan.world.days,
                                   run.pool, run.progress, count));
  const simulator::Value total = values.total();
  if (sessions == 0) return FailedPrecondition("no user visited on the live days");
  out->Set(name, "session_watch_s", total.watch_s / sessions);
  out->Set(name, "slate_watch_s", total.watch_s / total.slates);
  out->Set(name, "slates", total.slates / sessions);
  return Ok();
}

Result<Measurements> RunChurn(const StudyRun& run) {
  ChurnPlan plan = ChurnPlanOf(run.scale);
  plan.world.seed = run.seed;
  UPNEXT_ASSIGN_OR_RETURN(const simulator::World world, simulator::World::Create(plan.world));
  UPNEXT_ASSIGN_OR_RETURN(const LoggedSite logged, LogUntil(run, world, plan.live_from));
  Measurements measured;
  for (const char* arm : {kAware, kUnaware}) {
    UPNEXT_RETURN_IF_ERROR(RunChurnArm(run, plan, world, logged, arm, &measured));
  }
  return measured;
}

Settings ChurnSettings(Scale scale) {
  const ChurnPlan plan = ChurnPlanOf(scale);
  Settings settings = WorldSettings(plan.world);
  settings.emplace_back("live days", fmt::format("{}", plan.world.days - plan.live_from));
  settings.emplace_back("more_pages", fmt::format("{:g}", plan.world.sessions.more_pages));
  settings.emplace_back("click_style", fmt::format("{:g}", plan.world.response.click_style));
  settings.emplace_back("examination floor", fmt::format("{:g}", plan.world.examination.floor[0]));
  return settings;
}

}  // namespace

Study ChurnStudy() {
  constexpr double kBelow = -std::numeric_limits<double>::infinity();
  return {
      .name = "churn",
      .question =
          "Does an item that was shown and not watched lose its place on the next page, and do "
          "users watch more if the ranker knows previous impressions?",
      .method =
          "Two models learn from the same log: one with the default features, the other without "
          "item_impressions and since_item_impression_s. Users in their last state are shown a "
          "page of ten, of which they watch nothing, and ask for another a minute later; next to "
          "it is what they get without having seen a page. Then each model chooses all slates of "
          "the same live days. Lists leave out what the user watched, not what was shown. Users of the "
          "world do not tire of an item, but have tastes that no feature shows, so that what they "
          "did not watch says something.",
      .metrics = {{"overlap", "share of a page's items that the next page has too", 3},
                  {"overlap_idle", "the same if the first page was not shown", 3},
                  {"score", "score of the shown items on the next page as a share of before", 3},
                  {"score_idle", "the same if the first page was not shown", 3},
                  {"rank", "mean place of the shown items in the next list, 5.5 before", 1},
                  {"session_watch_s", "true expected watch seconds per session", 1},
                  {"slate_watch_s", "true expected watch seconds per slate of ten", 1},
                  {"slates", "slates per session", 2}},
      .plots = {},
      .claims = {{"what was shown and not watched makes room on the next page", "overlap", kAware,
                  kUnaware, kBelow, -0.1},
                 {"its score falls", "score", kAware, "", kBelow, 0.95},
                 {"without the features it keeps its place", "overlap", kUnaware, "", 0.9},
                 {"sessions have more watch time", "session_watch_s", kAware, kUnaware, 0}},
      .settings = ChurnSettings,
      .run = RunChurn};
}

}  // namespace upnext::studies
