#include "cli/bench_serve.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "api/settings.h"
#include "base/machine.h"
#include "base/numbers.h"
#include "base/rng.h"
#include "base/thread_pool.h"
#include "cli/benched_server.h"
#include "cli/events_load.h"
#include "cli/memory_budget.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "kernels/gemm.h"
#include "log/event_log.h"
#include "net/http_client.h"
#include "project/project.h"

namespace upnext::cli {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

struct BenchServeFlags {
  project::Location project;
  std::string folder, url;
  int readers = 16, threads = 0;
  uint32_t n = 20;
  std::vector<double> shares{0.5, 0.8}, rates;
  double changes_per_s = 10, seconds = 10;
  uint64_t seed = 1;
  bool json = false;
};

// How long it takes until a feed reflects an event: from sending the event to having the feed in
// which it shows.
struct ChangedFeeds {
  Status status = Ok();
  std::vector<double> milliseconds = {};
  uint64_t unchanged = 0;  // feeds that still had the watched item
};

Result<json> BodyOf(const Result<net::HttpClient::Answer>& answer) {
  if (!answer) return std::unexpected(answer.error());
  if (answer->status != 200) {
    return Unavailable("expected status 200, found {}: {}", answer->status, answer->body);
  }
  return json::parse(answer->body, nullptr, false);
}

// What is measured: the server of this process, or another that answers the same requests.
struct Served {
  std::string url;
  LoadNames names;
};

// Watches the best item of a feed; the feed after it must not have that item any more.
Status ChangeOne(net::HttpClient& http, const std::string& user, ChangedFeeds* out) {
  const std::string target = "/v1/recommendations?n=20&user=" + net::EncodeQueryValue(user);
  UPNEXT_ASSIGN_OR_RETURN(const json before, BodyOf(http.Get(target)));
  if (before["items"].empty()) return Ok();
  const json item = before["items"][0]["item"];
  const json watch = {
      {"events", {{{"user", user}, {"type", "watch"}, {"item", item}, {"value", 3600}}}}};
  const auto begin = Clock::now();
  UPNEXT_ASSIGN_OR_RETURN(const json posted, BodyOf(http.Post("/v1/events", watch.dump())));
  UPNEXT_ASSIGN_OR_RETURN(const json after, BodyOf(http.Get(target)));
  out->milliseconds.push_back(
      std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  out->unchanged +=
      std::ranges::any_of(after["items"], [&](const json& one) { return one["item"] == item; });
  return Ok();
}

void ChangeUntil(Clock::time_point end, const Served& served, const BenchServeFlags& flags,
                 ChangedFeeds* out) {
  auto http = net::HttpClient::Make(served.url);
  if (!http) {
    out->status = std::unexpected(http.error());
    return;
  }
  base::Rng rng(flags.seed + 99);
  const auto every = std::chrono::nanoseconds(static_cast<int64_t>(1e9 / flags.changes_per_s));
  for (auto due = Clock::now(); out->status && due < end; due += every) {
    std::this_thread::sleep_until(due);
    out->status = ChangeOne(**http, served.names.users[rng.Below(served.names.users.size())], out);
  }
}

ordered_json Percentiles(std::vector<double> values) {
  if (values.empty()) return nullptr;
  std::ranges::sort(values);
  const size_t last = values.size() - 1;
  return {{"p50", values[last / 2]}, {"p99", values[last * 99 / 100]}, {"most", values[last]}};
}

// A run at `feeds_per_s`; at the same time events are posted and timed.
Result<ordered_json> RunAt(const Served& served, const BenchServeFlags& flags,
                           const std::string& name, double feeds_per_s, uint64_t number) {
  ChangedFeeds changed;
  const bool changes = flags.changes_per_s > 0 && feeds_per_s > 0;
  const double before = ProcessCpuSeconds();
  std::jthread changer;
  if (changes) {
    const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                        std::chrono::duration<double>(flags.seconds));
    changer = std::jthread([&, end] { ChangeUntil(end, served, flags, &changed); });
  }
  UPNEXT_ASSIGN_OR_RETURN(const LoadReport report, RunLoad(served.url, served.names,
                                                           {.readers = flags.readers,
                                                            .feeds_per_s = feeds_per_s,
                                                            .n = flags.n,
                                                            .seconds = flags.seconds,
                                                            .seed = flags.seed + number}));
  if (changer.joinable()) changer.join();
  UPNEXT_RETURN_IF_ERROR(changed.status);
  const double cpu_s = ProcessCpuSeconds() - before;
  ordered_json out = {
      {"run", name},
      {"wanted_per_s", feeds_per_s},
      {"feeds_per_s", static_cast<double>(report.feeds) / report.seconds},
      {"feed_ms", {{"p50", report.feed.p50}, {"p99", report.feed.p99}, {"p999", report.feed.p999}}},
      {"client_cpu_share", report.client_cpu_s / report.seconds},
      {"cpu_share", cpu_s / report.seconds},
      {"resident_mb", static_cast<double>(ResidentBytes()) / (1 << 20)}};
  if (changes) {
    out["event_to_feed_ms"] = Percentiles(changed.milliseconds);
    out["feeds_unchanged"] = changed.unchanged;
  }
  return out;
}

void PrintServeRun(const ordered_json& run) {
  const auto& feed = run["feed_ms"];
  std::string change;
  if (run.contains("event_to_feed_ms") && !run["event_to_feed_ms"].is_null()) {
    const auto& times = run["event_to_feed_ms"];
    change = fmt::format("{:.1f} / {:.1f}", times["p50"].get<double>(), times["p99"].get<double>());
  }
  Print("{:<22} {:>9.1f} {:>8.1f} {:>8.1f} {:>8.1f} {:>16} {:>7.2f} {:>9.2f} {:>9.0f}\n",
        run["run"].get<std::string>(), run["feeds_per_s"].get<double>(), feed["p50"].get<double>(),
        feed["p99"].get<double>(), feed["p999"].get<double>(), change,
        run["cpu_share"].get<double>(), run["client_cpu_share"].get<double>(),
        run["resident_mb"].get<double>());
}

Status RunBenchServe(const BenchServeFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const api::Settings settings, api::Settings::Load(flags.project));
  const std::filesystem::path folder =
      flags.folder.empty() ? settings.project.directory() : std::filesystem::path(flags.folder);
  const ScratchStore scratch{folder / fmt::format("bench-serve-{}", getpid())};
  std::optional<BenchedServer> server;
  Served served{.url = flags.url, .names = {}};
  if (flags.url.empty()) {
    UPNEXT_ASSIGN_OR_RETURN(server, BenchedServer::Start(settings, flags.threads, scratch.path));
    served = {.url = server->http->url(), .names = std::move(server->names)};
  } else {
    UPNEXT_ASSIGN_OR_RETURN(const log::EventLog log, settings.project.OpenLog());
    served.names = NamesOf(log);
  }
  ordered_json out = {
      {"machine", base::MachineName(base::ThreadPool().threads(),
                                    kernels::PrecisionName(kernels::BestPrecision()))},
      {"server", flags.url.empty() ? "upnext" : flags.url},
      {"users", served.names.users.size()},
      {"items", served.names.items.size()},
      {"readers", flags.readers},
      {"seconds", flags.seconds},
      {"seed", flags.seed}};
  if (!flags.json) {
    Print("{}\n{} users, {} items; server and clients share the machine\n\n",
          out["machine"].get<std::string>(), base::WithThousands(served.names.users.size()),
          base::WithThousands(served.names.items.size()));
    Print("{:<22} {:>9} {:>8} {:>8} {:>8} {:>16} {:>7} {:>9} {:>9}\n", "", "feeds/s", "p50 ms",
          "p99 ms", "p99.9 ms", "event>feed ms", "CPUs", "of client", "MiB");
  }
  const auto add = [&](const std::string& name, double rate) -> Status {
    UPNEXT_ASSIGN_OR_RETURN(ordered_json run, RunAt(served, flags, name, rate, out["runs"].size()));
    if (!flags.json) PrintServeRun(run);
    out["runs"].push_back(std::move(run));
    return Ok();
  };
  out["runs"] = ordered_json::array();
  UPNEXT_RETURN_IF_ERROR(add("warm-up, closed loop", 0));
  UPNEXT_RETURN_IF_ERROR(add("closed loop", 0));
  const double saturated = out["runs"].back()["feeds_per_s"].get<double>();
  for (const double share : flags.shares) {
    UPNEXT_RETURN_IF_ERROR(add(fmt::format("{:.0f} % of it", share * 100), share * saturated));
  }
  for (const double rate : flags.rates) {
    UPNEXT_RETURN_IF_ERROR(add(fmt::format("{} feeds/s", rate), rate));
  }
  if (flags.json) Print("{}\n", out.dump(2));
  return Ok();
}

}  // namespace

std::function<Status()> MakeBenchServe(CLI::App& app) {
  auto flags = std::make_shared<BenchServeFlags>();
  AddProjectFlags(app, &flags->project);
  app.add_option("--url", flags->url,
                 "Measure the server at this address, which answers the same requests, in place of "
                 "one in this process; memory is then that of this process")
      ->type_name("http://HOST:PORT");
  app.add_option("--readers", flags->readers, "Connections that ask for feeds")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("-n", flags->n, "Items of a feed")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option(
         "--shares", flags->shares,
         "Shares of the rate of the closed loop at which feeds are asked for, on a schedule")
      ->check(CLI::Range(0.01, 1.0))
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--rates", flags->rates, "Feeds per second to measure too")
      ->check(CLI::Range(0.1, 1e6))
      ->delimiter(',');
  app.add_option("--changes-per-s", flags->changes_per_s,
                 "Events per second whose effect on the next feed is timed; 0: none")
      ->check(CLI::Range(0.0, 1e4))
      ->capture_default_str();
  app.add_option("--seconds", flags->seconds, "Length of each run")
      ->check(CLI::Range(0.1, 7200.0))
      ->capture_default_str();
  AddBenchedFlags(app, &flags->folder, &flags->threads, &flags->seed, &flags->json);
  return [flags] { return RunBenchServe(*flags); };
}

}  // namespace upnext::cli
