#include "cli/bench_simulate.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/numbers.h"
#include "cli/measured_child.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "schema/event.h"
#include "simulator/live.h"
#include "simulator/log_writer.h"
#include "simulator/policies.h"

namespace upnext::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct BenchSimulateFlags {
  std::string folder, mode = "both";
  simulator::WorldOptions world;
  int live_days = 3;
  bool keep = false, json = false;
};

double SecondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

Result<json> WriteLog(const BenchSimulateFlags& flags, const fs::path& folder) {
  ProgressBar progress;
  UPNEXT_ASSIGN_OR_RETURN(const simulator::LogReport report,
                          simulator::SimulateLog(flags.world, {}, folder, progress));
  uint64_t bytes = 0;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    bytes += entry.is_regular_file() ? entry.file_size() : 0;
  }
  return json{{"events", report.events},
              {"parts", report.parts},
              {"bytes", bytes},
              {"world_s", report.world_s},
              {"log_s", report.log_s},
              {"events_per_s", static_cast<double>(report.events) / report.log_s}};
}

std::unique_ptr<simulator::Recommender> MakePolicy(const std::string& name,
                                                   const simulator::World& world) {
  if (name == "popularity") return std::make_unique<simulator::PopularityPolicy>(world);
  if (name == "random") return std::make_unique<simulator::RandomPolicy>(world);
  if (name == "oracle") return std::make_unique<simulator::OraclePolicy>(world);
  return simulator::MakeLoggingPolicy(world);
}

Result<json> LiveDays(const BenchSimulateFlags& flags, const std::string& policy_name) {
  UPNEXT_ASSIGN_OR_RETURN(const simulator::World world, simulator::World::Create(flags.world));
  const auto policy = MakePolicy(policy_name, world);
  simulator::LiveSite site(world, {.truth = true});
  base::ThreadPool pool(flags.world.threads);
  ProgressBar progress;
  uint64_t events = 0, slates = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (int day = 0; day < std::min(flags.live_days, flags.world.days); ++day) {
    UPNEXT_RETURN_IF_ERROR(site.RunDay(
        day, pool, [&](uint32_t) { return policy.get(); },
        [&](const simulator::UserRows& rows) {
          events += rows.rows.size();
          for (const simulator::LogRow& row : rows.rows) {
            slates += row.type == schema::EventType::kImpression && row.position == 1;
          }
          return Ok();
        },
        progress));
  }
  const double seconds = SecondsSince(begin);
  return json{{"policy", policy_name},
              {"slates", slates},
              {"events", events},
              {"seconds", seconds},
              {"slates_per_s", static_cast<double>(slates) / seconds},
              {"events_per_s", static_cast<double>(events) / seconds}};
}

void AddRun(json& found, const Measured& run) {
  found["cpu_s"] = run.cpu_seconds;
  found["peak_resident_mb"] = run.peak_mb;
}

uint64_t Whole(const json& number) { return static_cast<uint64_t>(number.get<double>()); }

void PrintBenchSimulateTable(const json& out) {
  Print("{} users, {} items, {} days (seed {}), {} threads\n\n",
        base::WithThousands(Whole(out["users"])), base::WithThousands(Whole(out["items"])),
        Whole(out["days"]), Whole(out["seed"]), Whole(out["threads"]));
  Print("{:<18} {:>12} {:>12} {:>9} {:>12} {:>12} {:>9}\n", "", "slates", "events", "seconds",
        "slates/s", "events/s", "peak MB");
  if (out.contains("log")) {
    const json& log = out["log"];
    Print("{:<18} {:>12} {:>12} {:>9.1f} {:>12} {:>12} {:>9.0f}\n", "log, to Parquet", "",
          base::WithThousands(Whole(log["events"])), log["log_s"].get<double>(), "",
          base::WithThousands(Whole(log["events_per_s"])), log["peak_resident_mb"].get<double>());
  }
  for (const json& live : out["live"]) {
    Print("{:<18} {:>12} {:>12} {:>9.1f} {:>12} {:>12} {:>9.0f}\n",
          "live, " + live["policy"].get<std::string>(), base::WithThousands(Whole(live["slates"])),
          base::WithThousands(Whole(live["events"])), live["seconds"].get<double>(),
          base::WithThousands(Whole(live["slates_per_s"])),
          base::WithThousands(Whole(live["events_per_s"])), live["peak_resident_mb"].get<double>());
  }
  if (out.contains("log")) {
    const json& log = out["log"];
    Print(
        "\nthe log: {} parts, {:.1f} bytes an event, {:.2f} CPU us an event, {:.1f} s for the "
        "world\n",
        Whole(log["parts"]), log["bytes"].get<double>() / log["events"].get<double>(),
        1e6 * log["cpu_s"].get<double>() / log["events"].get<double>(),
        log["world_s"].get<double>());
  }
}

Status RunBenchSimulate(BenchSimulateFlags flags) {
  if (flags.world.threads == 0) {
    flags.world.threads = static_cast<int>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  }
  const fs::path folder =
      (flags.folder.empty() ? fs::temp_directory_path() : fs::path(flags.folder)) /
      fmt::format("upnext-bench-simulate-{}", ::getpid());
  json out = {{"users", flags.world.users},     {"items", flags.world.items},
              {"days", flags.world.days},       {"seed", flags.world.seed},
              {"threads", flags.world.threads}, {"live", json::array()}};
  if (flags.mode != "live") {
    const Result<Measured> run = RunMeasured([&] { return WriteLog(flags, folder); });
    const Status removed = flags.keep ? Ok() : base::RemoveAll(folder);
    if (!run) return std::unexpected(run.error());
    UPNEXT_RETURN_IF_ERROR(removed);
    out["log"] = run->found;
    AddRun(out["log"], *run);
  }
  if (flags.mode != "log") {
    for (const std::string policy : {"mixture", "popularity", "random", "oracle"}) {
      // An oracle weighs every item for every slate.
      if (policy == "oracle" && flags.world.items > 10'000) continue;
      UPNEXT_ASSIGN_OR_RETURN(const Measured run,
                              RunMeasured([&] { return LiveDays(flags, policy); }));
      out["live"].push_back(run.found);
      AddRun(out["live"].back(), run);
    }
  }
  if (flags.json) {
    Print("{}\n", out.dump(2));
  } else {
    PrintBenchSimulateTable(out);
  }
  return Ok();
}

}  // namespace

std::function<Status()> MakeBenchSimulate(CLI::App& app) {
  auto flags = std::make_shared<BenchSimulateFlags>();
  flags->world.users = 20'000;
  flags->world.items = 10'000;
  flags->world.days = 10;
  app.add_option("--users", flags->world.users, "Users")
      ->check(CLI::Range(1u, 100'000'000u))
      ->capture_default_str();
  app.add_option("--items", flags->world.items, "Items")
      ->check(CLI::Range(100u, 100'000'000u))
      ->capture_default_str();
  app.add_option("--days", flags->world.days, "Days of the log")
      ->check(CLI::Range(1, 3650))
      ->capture_default_str();
  app.add_option("--live-days", flags->live_days, "Days of live mode")
      ->check(CLI::Range(1, 3650))
      ->capture_default_str();
  app.add_option("--seed", flags->world.seed, "Seed")->capture_default_str();
  app.add_option("--mode", flags->mode, "log, live or both")
      ->check(CLI::IsMember({"log", "live", "both"}))
      ->capture_default_str();
  app.add_option("--folder", flags->folder,
                 "Where the log is written, and removed again (default: the temporary folder)");
  app.add_option("--threads", flags->world.threads, "Threads (0: all that the machine has)")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_flag("--keep", flags->keep, "Leave the log there");
  app.add_flag("--json", flags->json, "Print JSON");
  return [flags] { return RunBenchSimulate(*flags); };
}

}  // namespace upnext::cli
