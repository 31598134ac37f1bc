#include <fmt/format.h>

#include <memory>
#include <optional>

#include "api/models.h"
#include "api/settings.h"
#include "base/thread_pool.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/verbs.h"
#include "project/project.h"
#include "report/render.h"
#include "training/job.h"

namespace upnext::cli {
namespace {

struct TrainFlags {
  project::Location project;
  training::JobRequest request;
  std::string only;
  bool continues = false, continues_if_possible = false;
  int64_t seed = -1;
  bool json = false;
};

// The report, unless there was nothing to train, and what became of the bundle.
void PrintResult(const training::JobResult& result, bool json) {
  if (json) {
    Print("{}\n", api::TrainJson(result).dump(2));
    return;
  }
  const std::string& nothing_new = result.nothing_new;
  if (!nothing_new.empty()) {
    Print("nothing to learn: {}. The current bundle stays\n", nothing_new);
    return;
  }
  Print("{}\n", report::RenderTable(result.report));
  if (result.published) Print("published bundle {}; {}\n", result.manifest.version, kTakenUp);
}

Status RunTrain(const TrainFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(api::Settings settings, api::Settings::Load(flags.project));
  if (flags.seed >= 0) settings.training.SetSeed(static_cast<uint64_t>(flags.seed));
  training::JobRequest request = flags.request;
  for (const auto stage : {training::Stage::kRetrieval, training::Stage::kRanking}) {
    if (flags.only == training::StageName(stage)) request.only = stage;
  }
  if (flags.continues_if_possible) request.continues = training::Continue::kIfPossible;
  if (flags.continues) request.continues = training::Continue::kYes;
  base::ThreadPool pool(settings.threads);
  ProgressBar progress;
  UPNEXT_ASSIGN_OR_RETURN(
      const training::JobResult result,
      training::RunJob(settings.project, settings.training, request, pool, progress));
  PrintResult(result, flags.json);
  if (result.published || !result.nothing_new.empty()) return Ok();
  return FailedPrecondition(
      "not published: {}. The current bundle stays; --resume --force publishes all the same, "
      "without training these models again",
      result.manifest.gate);
}

}  // namespace

std::function<Status()> MakeTrain(CLI::App& app) {
  auto flags = std::make_shared<TrainFlags>();
  AddProjectFlags(app, &flags->project);
  CLI::Option* const only =
      app.add_option("--only", flags->only,
                     "Train one stage and keep the other's model of the current bundle")
          ->check(CLI::IsMember({"retrieval", "ranking"}));
  CLI::Option* const shard = app.add_option(
      "--shard", flags->request.shard,
      "Learn from one shard of the log alone, from 0: a sample of the users, of which "
      "only that shard's event files are read (import --shards makes them)");
  CLI::Option* const continues =
      app.add_flag(
             "--continue", flags->continues,
             "Continue models of the current bundle with what is new since: the ranker, day by "
             "day, with [ranking] order = \"time\"; the candidate model with [retrieval] "
             "keep_state = true")
          ->excludes(only)
          ->excludes(shard);
  app.add_flag("--continue-if-possible", flags->continues_if_possible,
               "The same, but train anew where it cannot be continued")
      ->excludes(only)
      ->excludes(shard)
      ->excludes(continues);
  app.add_flag("--resume", flags->request.resume,
               "Continue from the checkpoint of a training that was interrupted or diverged; the "
               "bundle is the same. Without a checkpoint, start afresh");
  app.add_flag("--force", flags->request.force,
               "Publish even if the current bundle is clearly better on the same events");
  app.add_option("--seed", flags->seed, "Seed (default: [train] seed, else 1)")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--json", flags->json, "Print the report as JSON");
  return [flags] { return RunTrain(*flags); };
}

}  // namespace upnext::cli
