#include "cli/bench_replay.h"

#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "api/settings.h"
#include "base/numbers.h"
#include "base/rng.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/verbs.h"
#include "examples/stream_rates.h"
#include "log/event_log.h"
#include "project/project.h"
#include "schema/raw_event.h"
#include "training/dataset.h"

namespace upnext::cli {
namespace {

struct BenchReplayFlags {
  project::Location project{.config = "", .data = "", .directory = ""};
  uint32_t users = 4'000, items = 50'000, watches = 50, shown = 5, max_per_user = 50;
  uint64_t seed = 1;
  std::optional<uint32_t> shard;
  bool json = false;
};

// A folder that is removed with the object.
struct Scratch {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / fmt::format("upnext-bench-{}", getpid());
  ~Scratch() { (void)base::RemoveAll(path); }
};

// Users who see pages of `shown` items an hour apart and watch one item of each to its end.
Result<log::EventLog> MadeUpLog(const BenchReplayFlags& flags,
                                const std::filesystem::path& folder) {
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(folder));
  base::Rng rng(flags.seed);
  std::vector<schema::RawEvent> events;
  for (uint32_t user = 0; user < flags.users; ++user) {
    for (uint32_t page = 0; page < flags.watches; ++page) {
      const auto item = [&] {
        return fmt::format("i{}", rng.Below(flags.items) * rng.Below(flags.items) / flags.items);
      };
      schema::RawEvent event;
      event.user = fmt::format("u{}", user);
      event.time_ms = page * int64_t{3'600'000};
      event.request = fmt::format("{}-{}", user, page);
      for (uint32_t shown = 0; shown < flags.shown; ++shown) {
        event.item = item();
        event.position = static_cast<uint16_t>(1 + shown);
        events.push_back(event);
      }
      if (flags.shown == 0) event.item = item();
      event.time_ms += 1'000;
      event.type = schema::EventType::kComplete;
      event.position = 0;
      events.push_back(event);
    }
  }
  UPNEXT_RETURN_IF_ERROR(log::WriteEventLog(folder, events, {}, {}));
  return log::EventLog::Open(folder);
}

nlohmann::ordered_json Json(const examples::StreamRate& rate) {
  return {{"examples", rate.examples},
          {"examples_per_s", rate.per_second()},
          {"stream_s", rate.stream_s},
          {"fold_s", rate.fold_s}};
}

void PrintRow(const char* name, int threads, const examples::StreamRate& rate) {
  if (rate.examples == 0) return;
  const double each = 1e9 / static_cast<double>(rate.examples) * threads;
  Print("{:12} {:>8} {:>12} {:>14} {:>10.0f} ns {:>10.0f} ns {:>10.0f} ns\n", name, threads,
        base::WithThousands(rate.examples),
        base::WithThousands(static_cast<uint64_t>(rate.per_second())), rate.stream_s * each,
        rate.fold_s * each, (rate.stream_s - rate.fold_s) * each);
}

Status RunBenchReplay(const BenchReplayFlags& flags) {
  ProgressBar progress;
  Scratch scratch;
  Result<log::EventLog> log = NotFound("no log");
  training::DatasetOptions options;
  options.signals.positives = {{schema::EventType::kComplete, 1.0f}};
  options.split.kind = examples::SplitOptions::Kind::kNone;
  if (flags.project.config.empty()) {
    log = MadeUpLog(flags, scratch.path);
  } else {
    UPNEXT_ASSIGN_OR_RETURN(const api::Settings settings, api::Settings::Load(flags.project));
    options = settings.training.dataset;
    log = settings.project.OpenLog(flags.shard);
  }
  if (!log) return std::unexpected(std::move(log).error());

  nlohmann::ordered_json out = {
      {"log", flags.project.config.empty() ? "synthetic" : flags.project.config},
      {"users", log->users()},
      {"items", log->items()},
      {"events", log->events()},
      {"seed", flags.seed},
      {"max_per_user", flags.max_per_user}};
  if (!flags.json) {
    Print("{} users, {} items, {} events, at most {} candidate examples per user\n\n",
          base::WithThousands(log->users()), base::WithThousands(log->items()),
          base::WithThousands(log->events()), flags.max_per_user);
    Print("{:12} {:>8} {:>12} {:>14} {:>13} {:>13} {:>13}\n", "examples", "threads", "made",
          "per second", "thread time", "log and fold", "features");
  }
  std::vector<int> threads = {1};
  const int all = base::ThreadPool().threads();
  if (all > 1) threads.push_back(all);
  for (const int count : threads) {
    base::ThreadPool pool(count);
    UPNEXT_ASSIGN_OR_RETURN(const auto dataset,
                            training::Dataset::Prepare(*log, options, pool, progress));
    UPNEXT_ASSIGN_OR_RETURN(const examples::StreamRates rates,
                            examples::MeasureStreams(dataset->source(), dataset->statistics(),
                                                     flags.max_per_user, pool, progress));
    if (flags.json) {
      out["runs"].push_back({{"threads", count},
                             {"candidates", Json(rates.candidates)},
                             {"impressions", Json(rates.impressions)}});
    } else {
      PrintRow("candidates", count, rates.candidates);
      PrintRow("impressions", count, rates.impressions);
    }
  }
  if (flags.json) {
    Print("{}\n", out.dump(2));
  } else {
    Print(
        "\nthread time is per example: \"log and fold\" is the part that reads events and "
        "updates states, "
        "\"features\" the\npart that makes features, mixes and fills batches.\n");
  }
  return Ok();
}

}  // namespace

std::function<Status()> MakeBenchReplay(CLI::App& app) {
  auto flags = std::make_shared<BenchReplayFlags>();
  AddProjectFlags(app, &flags->project);
  app.get_option("--config")
      ->description("Project file whose log is replayed (default: a synthetic log)");
  app.add_option("--users", flags->users, "Users of the synthetic log")->capture_default_str();
  app.add_option("--items", flags->items, "Items of the synthetic log")->capture_default_str();
  app.add_option("--watches", flags->watches, "Pages, and complete watches, per user")
      ->capture_default_str();
  app.add_option("--shown", flags->shown, "Impressions per page")->capture_default_str();
  app.add_option("--shard", flags->shard, "Replay only this shard of the project's log, from 0");
  app.add_option("--max-per-user", flags->max_per_user, "Most candidate examples per user")
      ->capture_default_str();
  app.add_option("--seed", flags->seed, "Seed of the synthetic log")->capture_default_str();
  app.add_flag("--json", flags->json, "Print JSON");
  return [flags] { return RunBenchReplay(*flags); };
}

}  // namespace upnext::cli
