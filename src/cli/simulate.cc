#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <optional>

#include "api/settings.h"
#include "api/simulated_log.h"
#include "base/clock.h"
#include "base/numbers.h"
#include "base/time_text.h"
#include "bundle/opened_bundle.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/server_recommender.h"
#include "cli/simulate_live.h"
#include "cli/verbs.h"
#include "simulator/log_writer.h"
#include "simulator/policies.h"
#include "simulator/site.h"
#include "simulator/world.h"
#include "studies/live_engine.h"

namespace upnext::cli {
namespace {

struct SimulateFlags {
  std::string site = "video", out, config, url, key, bundle, project_dir;
  std::string events_key, admin_key, next_scenario;
  std::vector<std::string> scenarios;
  uint32_t users = 0, items = 0;
  int days = 0, log_days = 0;
  int64_t seed = -1;
  bool truth = false, live = false, lifecycle = false, json = false;
};

api::SimulateRequest LogOf(const SimulateFlags& flags) {
  api::SimulateRequest request = {.site = flags.site,
                                  .out = flags.out,
                                  .world = flags.config,
                                  .users = flags.users,
                                  .items = flags.items,
                                  .days = flags.days};
  if (flags.seed >= 0) request.seed = static_cast<uint64_t>(flags.seed);
  return request;
}

ServerRecommenderOptions ServerOf(const SimulateFlags& flags) {
  ServerRecommenderOptions options{.url = flags.url,
                                   .key = flags.key,
                                   .events_key = flags.events_key,
                                   .next_scenario = flags.next_scenario};
  if (!flags.scenarios.empty()) options.scenarios = flags.scenarios;
  return options;
}

// The policy that chooses a log's slates, if it is not the world's own.
struct OutsidePolicy {
  std::optional<simulator::World> world;
  std::unique_ptr<ServerRecommender> server;   // --url
  std::optional<bundle::OpenedBundle> opened;  // --bundle, and the engine on it
  std::unique_ptr<studies::LiveEngine> engine;
  simulator::Recommender* policy() const {
    return server != nullptr ? static_cast<simulator::Recommender*>(server.get()) : engine.get();
  }
};

Result<OutsidePolicy> PolicyOf(const SimulateFlags& flags, const simulator::WorldOptions& options) {
  OutsidePolicy outside;
  UPNEXT_ASSIGN_OR_RETURN(outside.world, simulator::World::Create(options));
  if (!flags.url.empty()) {
    UPNEXT_ASSIGN_OR_RETURN(outside.server,
                            ServerRecommender::Connect(*outside.world, ServerOf(flags)));
    return outside;
  }
  UPNEXT_ASSIGN_OR_RETURN(
      const api::Settings settings,
      api::Settings::Load({.config = flags.bundle, .directory = flags.project_dir}));
  UPNEXT_ASSIGN_OR_RETURN(outside.opened,
                          settings.project.OpenBundle(bundle::LogChoice::kTrainedOn));
  // A session that begins before midnight may end after it; no log of these days ends a day later.
  const int64_t from = options.start_ms() + flags.log_days * base::kDayMs;
  const int64_t learned_until = outside.opened->log.stats().last_ms;
  if (learned_until >= from + base::kDayMs) {
    return FailedPrecondition(
        "--log-days {}: the bundle of {} was trained on events up to {}, so it would be used on "
        "days of its training; pass the number of days of its log",
        flags.log_days, flags.bundle, base::FormatTime(learned_until));
  }
  const studies::LiveEngineOptions engine = {.engine = settings.engine,
                                             .rule = outside.opened->rule};
  base::ThreadPool pool(options.threads);
  UPNEXT_ASSIGN_OR_RETURN(outside.engine,
                          studies::LiveEngine::Make(*outside.world, outside.opened->log,
                                                    *outside.opened->bundle, engine, pool));
  return outside;
}

Status RunLog(const SimulateFlags& flags, const simulator::WorldOptions& options) {
  ProgressBar progress;
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(flags.out));
  simulator::LogOptions log{.truth = flags.truth};
  OutsidePolicy outside;
  if (flags.url.empty() && flags.bundle.empty()) {
    log.end_day = flags.log_days;
  } else {
    UPNEXT_ASSIGN_OR_RETURN(outside, PolicyOf(flags, options));
    log.first_day = flags.log_days;
    log.policy = outside.policy();
  }
  UPNEXT_ASSIGN_OR_RETURN(const simulator::LogReport report,
                          simulator::SimulateLog(options, log, flags.out, progress));
  const int days = (log.end_day > 0 ? log.end_day : options.days) - log.first_day;
  if (flags.json) {
    Print("{}\n", api::VideoLogJson(options, days, report).dump(2));
    return Ok();
  }
  Print("{} users, {} items, {} days, {} events (seed {}) written to {} as Parquet{}\n",
        base::WithThousands(options.users), base::WithThousands(options.items), days,
        base::WithThousands(report.events), options.seed, flags.out,
        flags.truth ? ", with the ground truth" : "");
  return Ok();
}

Status RunAgainstServer(const SimulateFlags& flags, const simulator::WorldOptions& options) {
  UPNEXT_ASSIGN_OR_RETURN(const simulator::World world, simulator::World::Create(options));
  UPNEXT_ASSIGN_OR_RETURN(const auto server, ServerRecommender::Connect(world, ServerOf(flags)));
  std::unique_ptr<ServerLife> life;
  if (flags.lifecycle) {
    const std::string& key = flags.admin_key.empty() ? flags.key : flags.admin_key;
    UPNEXT_ASSIGN_OR_RETURN(
        life, ServerLife::Connect(world, server.get(), {.url = flags.url, .admin_key = key}));
  }
  ScenarioValues scenarios(*server, options.users);
  simulator::PopularityPolicy popularity(world);
  simulator::RandomPolicy random(world);
  const simulator::UserValues none(options.users);
  std::vector<LiveArm> arms = {{"server", server.get(), {}, none, life.get(), &scenarios},
                               {"popularity", &popularity, {}, none},
                               {"random", &random, {}, none}};
  const LiveOptions live{.log_days = flags.log_days, .threads = options.threads};
  ProgressBar progress;
  UPNEXT_RETURN_IF_ERROR(RunLive(world, live, arms, progress));
  if (flags.json) {
    nlohmann::json out = LiveJson(live, arms);
    out["server"] = {{"slates", server->slates()},
                     {"events", server->events()},
                     {"errors", 0},
                     {"sessions_merged", server->merged()},
                     {"users_forgotten", life != nullptr ? life->forgotten() : 0},
                     {"items_published", life != nullptr ? life->published() : 0},
                     {"scenarios", scenarios.ToJson()}};
    Print("{}\n", out.dump(2));
    return Ok();
  }
  PrintLive(live, arms);
  Print("The server returned {} slates and accepted {} events, without an error.\n",
        base::WithThousands(server->slates()), base::WithThousands(server->events()));
  if (life != nullptr) {
    Print("{} sessions were merged, {} users forgotten, {} items published.\n",
          base::WithThousands(server->merged()), base::WithThousands(life->forgotten()),
          base::WithThousands(life->published()));
  }
  return Ok();
}

Status RunSite(const SimulateFlags& flags) {
  ProgressBar progress;
  UPNEXT_ASSIGN_OR_RETURN(const simulator::SiteReport report,
                          api::SimulateSite(LogOf(flags), progress));
  if (flags.json) {
    Print("{}\n", api::SiteLogJson(flags.site, report).dump(2));
    return Ok();
  }
  Print("{} users, {} items, {} days, {} events (seed {}) of a {} site written to {} as CSV\n",
        base::WithThousands(report.options.users), base::WithThousands(report.options.items),
        report.options.days, base::WithThousands(report.events), report.options.seed, flags.site,
        flags.out);
  return Ok();
}

Status RunSimulate(const SimulateFlags& flags) {
  if (flags.site != api::kSites.front()) return RunSite(flags);
  UPNEXT_ASSIGN_OR_RETURN(const simulator::WorldOptions options, api::WorldOf(LogOf(flags)));
  return flags.live ? RunAgainstServer(flags, options) : RunLog(flags, options);
}

void AddServerFlags(CLI::App& app, SimulateFlags* flags, CLI::Option* url, CLI::Option* live) {
  app.add_option("--events-key", flags->events_key,
                 "A key with the role events, for events and merges (default: --key)")
      ->needs(url);
  app.add_option("--scenario", flags->scenarios,
                 "Scenario of the home page; several divide the users (default: the server's own)")
      ->needs(url);
  app.add_option("--next-scenario", flags->next_scenario, "Scenario of slates after a watch")
      ->needs(url);
  CLI::Option* const lifecycle = app.add_flag(
      "--lifecycle", flags->lifecycle,
      "Users without history have sessions until they sign in, some users are forgotten, and new "
      "items are published");
  lifecycle->needs(live);
  app.add_option("--admin-key", flags->admin_key,
                 "A key with the role admin, for --lifecycle (default: --key)")
      ->needs(lifecycle);
}

}  // namespace

std::function<Status()> MakeSimulate(CLI::App& app) {
  auto flags = std::make_shared<SimulateFlags>();
  CLI::Option_group* const what = app.add_option_group("what to do");
  what->require_option(1);
  what->add_option("-o,--out", flags->out, "Write a log: folder for its Parquet files")
      ->type_name("FOLDER");
  CLI::Option* const live = what->add_flag(
      "--live", flags->live, "Simulate users of a running server and compare it with popularity");
  CLI::Option* const url = app.add_option(
      "--url", flags->url,
      "The server, e.g. http://127.0.0.1:8080; with --out, it chooses the slates of the log");
  live->needs(url);
  app.add_option("--key", flags->key, "Its key, with the roles recommend and events")
      ->envname("UPNEXT_KEY")
      ->needs(url);
  AddServerFlags(app, flags.get(), url, live);
  CLI::Option* const log_days =
      app.add_option("--log-days", flags->log_days,
                     "The log contains only the first days (default all); a server or a bundle is "
                     "used after them")
          ->check(CLI::Range(1, 3650));
  CLI::Option* const bundle = app.add_option(
      "--bundle", flags->bundle,
      "Project file: its current bundle chooses the slates of the log; it was trained on a log of "
      "the same world");
  bundle->excludes(url)->excludes(live)->needs(log_days)->check(CLI::ExistingFile);
  app.add_option("--project-dir", flags->project_dir,
                 "Folder of that project (default: as in its file)")
      ->type_name("FOLDER")
      ->needs(bundle);
  app.add_option("--users", flags->users, "Users (default 2,000; of another site, its own)")
      ->check(CLI::Range(1u, 100'000'000u));
  app.add_option("--items", flags->items, "Items (default 3,000; of another site, its own)")
      ->check(CLI::Range(100u, 100'000'000u));
  app.add_option("--days", flags->days, "Days of the world (default 30; of another site, its own)")
      ->check(CLI::Range(2, 3650));
  app.add_option("--seed", flags->seed, "Seed (default 1); the same seed gives the same bytes")
      ->check(CLI::NonNegativeNumber);
  CLI::Option* const world =
      app.add_option("--world", flags->config,
                     "TOML file with the world's parameters (docs/guides/simulator.md)")
          ->type_name("FILE");
  CLI::Option* const truth = app.add_flag(
      "--truth", flags->truth, "Also write the ground truth of impressions, positions and items");
  app.add_option("--site", flags->site,
                 "Kind of site: video (default), shop, news or music; the last three write a log")
      ->check(CLI::IsMember(std::vector<std::string>(api::kSites.begin(), api::kSites.end())))
      ->excludes(live)
      ->excludes(log_days)
      ->excludes(world)
      ->excludes(truth);
  app.add_flag("--json", flags->json, "Print JSON");
  return [flags] { return RunSimulate(*flags); };
}

}  // namespace upnext::cli
