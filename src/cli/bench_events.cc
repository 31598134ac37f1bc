#include "cli/bench_events.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "api/settings.h"
#include "base/machine.h"
#include "base/numbers.h"
#include "base/thread_pool.h"
#include "cli/benched_server.h"
#include "cli/events_load.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "kernels/gemm.h"
#include "project/project.h"

namespace upnext::cli {
namespace {

using nlohmann::ordered_json;

struct BenchEventsFlags {
  project::Location project;
  std::string folder;
  int writers = 2, single_writers = 32, readers = 2;
  int threads = 0;
  uint32_t batch = 500;
  double feeds_per_s = 40, seconds = 5;
  uint64_t seed = 1;
  bool json = false;
};

struct EventRun {
  const char* name;
  LoadOptions load;
};

std::array<EventRun, 5> RunsOf(const BenchEventsFlags& flags) {
  const LoadOptions feeds{.writers = 0,
                          .readers = flags.readers,
                          .batch = flags.batch,
                          .feeds_per_s = flags.feeds_per_s,
                          .seconds = flags.seconds,
                          .seed = flags.seed};
  const auto with = [&](int writers, int readers, uint32_t batch, uint64_t number) {
    LoadOptions load = feeds;
    load.writers = writers;
    load.readers = readers;
    load.batch = batch;
    load.seed = flags.seed + number;
    return load;
  };
  return {{{"feeds alone", feeds},
           {"batches alone", with(flags.writers, 0, flags.batch, 1)},
           {"batches and feeds", with(flags.writers, flags.readers, flags.batch, 2)},
           {"single events alone", with(flags.single_writers, 0, 1, 3)},
           {"single events and feeds", with(flags.single_writers, flags.readers, 1, 4)}}};
}

ordered_json JsonOf(const EventRun& run, const LoadReport& report, double server_cpu_s) {
  ordered_json out = {{"run", run.name}, {"seconds", report.seconds}};
  if (report.events > 0) {
    out["writers"] = run.load.writers;
    out["batch"] = run.load.batch;
    out["events_per_s"] = static_cast<double>(report.events) / report.seconds;
    out["post_ms"] = {{"p50", report.post.p50}, {"p99", report.post.p99}};
  }
  if (report.feeds > 0) {
    out["feeds_per_s"] = static_cast<double>(report.feeds) / report.seconds;
    out["feed_ms"] = {{"p50", report.feed.p50}, {"p99", report.feed.p99}};
  }
  out["server_cpu_share"] = server_cpu_s / report.seconds;
  out["client_cpu_share"] = report.client_cpu_s / report.seconds;
  return out;
}

void PrintEventRun(const ordered_json& run) {
  const auto milliseconds = [&](const char* key) {
    if (!run.contains(key)) return std::string();
    return fmt::format("{:.1f} / {:.1f}", run[key]["p50"].get<double>(),
                       run[key]["p99"].get<double>());
  };
  const auto rate = [&](const char* key) {
    if (!run.contains(key)) return std::string();
    return base::WithThousands(static_cast<uint64_t>(run[key].get<double>()));
  };
  Print("{:<24} {:>9} {:>16} {:>8} {:>16} {:>11.2f} {:>11.2f}\n", run["run"].get<std::string>(),
        rate("events_per_s"), milliseconds("post_ms"), rate("feeds_per_s"), milliseconds("feed_ms"),
        run["server_cpu_share"].get<double>(), run["client_cpu_share"].get<double>());
}

Status RunBenchEvents(const BenchEventsFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const api::Settings settings, api::Settings::Load(flags.project));
  const std::filesystem::path folder =
      flags.folder.empty() ? settings.project.directory() : std::filesystem::path(flags.folder);
  const ScratchStore scratch{folder / fmt::format("bench-events-{}", getpid())};
  UPNEXT_ASSIGN_OR_RETURN(const BenchedServer server,
                          BenchedServer::Start(settings, flags.threads, scratch.path));
  ordered_json out = {
      {"machine", base::MachineName(base::ThreadPool().threads(),
                                    kernels::PrecisionName(kernels::BestPrecision()))},
      {"store", folder.string()},
      {"users", server.names.users.size()},
      {"items", server.names.items.size()},
      {"seed", flags.seed}};
  if (!flags.json) {
    Print("{}\n{} users, {} items, store in {}\n\n", out["machine"].get<std::string>(),
          base::WithThousands(server.names.users.size()),
          base::WithThousands(server.names.items.size()), folder.string());
    Print("{:<24} {:>9} {:>16} {:>8} {:>16} {:>11} {:>11}\n", "", "events/s", "POST p50/p99 ms",
          "feeds/s", "feed p50/p99 ms", "server CPUs", "client CPUs");
  }
  for (const EventRun& run : RunsOf(flags)) {
    const double before = ProcessCpuSeconds();
    UPNEXT_ASSIGN_OR_RETURN(const LoadReport report,
                            RunLoad(server.http->url(), server.names, run.load));
    const double server_cpu_s = ProcessCpuSeconds() - before - report.client_cpu_s;
    out["runs"].push_back(JsonOf(run, report, server_cpu_s));
    if (!flags.json) PrintEventRun(out["runs"].back());
  }
  if (flags.json) Print("{}\n", out.dump(2));
  return Ok();
}

}  // namespace

std::function<Status()> MakeBenchEvents(CLI::App& app) {
  auto flags = std::make_shared<BenchEventsFlags>();
  AddProjectFlags(app, &flags->project);
  const CLI::Range clients(1, 1000);
  app.add_option("--writers", flags->writers, "Connections that post batches")
      ->check(clients)
      ->capture_default_str();
  app.add_option("--batch", flags->batch, "Events of a batch")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--single-writers", flags->single_writers, "Connections that post single events")
      ->check(clients)
      ->capture_default_str();
  app.add_option("--readers", flags->readers, "Connections that ask for feeds")
      ->check(clients)
      ->capture_default_str();
  app.add_option("--feeds-per-s", flags->feeds_per_s, "Feeds per second of all readers together")
      ->check(CLI::Range(1.0, 1e6))
      ->capture_default_str();
  app.add_option("--seconds", flags->seconds, "Length of each run")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  AddBenchedFlags(app, &flags->folder, &flags->threads, &flags->seed, &flags->json);
  return [flags] { return RunBenchEvents(*flags); };
}

}  // namespace upnext::cli
