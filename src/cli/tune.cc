#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>

#include "api/settings.h"
#include "base/file.h"
#include "base/thread_pool.h"
#include "bundle/opened_bundle.h"
#include "catalogue/catalogue.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/simulated_world.h"
#include "cli/verbs.h"
#include "evaluation/impressions.h"
#include "evaluation/page_values.h"
#include "evaluation/score_search.h"
#include "examples/split.h"
#include "project/project.h"
#include "ranking/score_file.h"
#include "report/score_report.h"
#include "schema/schema.h"
#include "simulator/world.h"
#include "studies/page_truth.h"
#include "training/dataset.h"

namespace upnext::cli {
namespace {

struct TuneFlags {
  project::Location project;
  std::string part = "validation", target, world, html;
  bool json = false, write = false;
  uint32_t lines = 2000;
  int64_t seed = -1;
};

double SecondsFrom(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Exponents of objectives that the project file does not have cannot be written into it.
std::vector<uint8_t> Varied(const std::vector<ranking::Objective>& objectives,
                            const base::Config& config) {
  const ranking::ScoreWeights file = bundle::ScoreWeightsFromConfig(config);
  std::vector<uint8_t> varied;
  for (const ranking::Objective& objective : objectives) {
    varied.push_back(file.empty() || file.contains(objective.name) ? 1 : 0);
  }
  return varied;
}

// Searches on the cached predictions of a part.
Result<report::ScoreReport> Tune(const TuneFlags& flags, const api::Settings& settings,
                                 const bundle::OpenedModels& opened, base::ThreadPool& pool,
                                 base::Progress& progress) {
  const bundle::ValidatedModels& models = *opened.models;
  const catalogue::Catalogue catalogue(opened.log);
  UPNEXT_ASSIGN_OR_RETURN(
      const examples::Split split,
      training::SplitOf(settings.training.dataset, models.manifest(), opened.log));
  const examples::ReplaySource source{opened.log, catalogue, opened.rule, split};
  evaluation::EvaluateOptions options = settings.training.evaluate;
  options.part =
      flags.part == "test" ? examples::SplitPart::kTest : examples::SplitPart::kValidation;
  const auto began = std::chrono::steady_clock::now();
  UPNEXT_ASSIGN_OR_RETURN(
      const evaluation::Impressions scored,
      evaluation::ScoreImpressions({source, models.tables(), nullptr, models.ranker()}, options,
                                   pool, progress));
  if (scored.size() == 0) {
    return FailedPrecondition(
        "expected impressions in the {} part, found none: choose the other "
        "with --part, or a longer part in [split]",
        flags.part);
  }
  evaluation::ImpressionTruth truth;
  if (!flags.world.empty()) {
    UPNEXT_ASSIGN_OR_RETURN(const simulator::World world, LoadWorld(flags.world));
    UPNEXT_ASSIGN_OR_RETURN(truth, studies::TruthOf(world, opened.log, scored, pool, progress));
  }
  report::ScoreReport report{.search = {},
                             .part = flags.part,
                             .predict_seconds = SecondsFrom(began),
                             .version = models.manifest().version,
                             .notes = models.notes()};
  const auto search_began = std::chrono::steady_clock::now();
  const std::vector<ranking::Objective>& objectives = models.ranker()->objectives();
  const evaluation::PageValues values(
      objectives, evaluation::UnwantedOf(objectives, opened.log.schema()), scored, truth);
  const uint64_t seed = flags.seed >= 0 ? static_cast<uint64_t>(flags.seed) : options.seed;
  UPNEXT_ASSIGN_OR_RETURN(
      report.search,
      evaluation::SearchScore(values, objectives,
                              {.target = flags.target,
                               .varied = Varied(objectives, settings.project.config()),
                               .max_lines = flags.lines,
                               .seed = seed},
                              pool, progress));
  report.search_seconds = SecondsFrom(search_began);
  return report;
}

// Replaces the exponents of the file, if it is still as it was read.
Status WriteScore(const TuneFlags& flags, const base::Config& config,
                  const std::vector<ranking::Objective>& objectives, const schema::Schema& schema,
                  const evaluation::ScoreLine& chosen) {
  const bool any = !bundle::ScoreWeightsFromConfig(config).empty();
  ranking::ScoreWeights weights;
  for (size_t k = 0; k < objectives.size(); ++k) {
    weights[objectives[k].name] = chosen.exponents[k];
  }
  if (!any) {
    return FailedPrecondition(
        "{}: expected a [[ranking.objective]] to write the score into, found none; add these lines, "
        "which name the objectives that there are without them:\n\n{}",
        flags.project.config, ranking::ObjectiveLines(objectives, weights, schema));
  }
  Result<std::string> text = ranking::WithScoreWeights(config, weights);
  if (!text) {
    return FailedPrecondition("{}: {}; write the score yourself", flags.project.config,
                              text.error().message);
  }
  std::error_code none;
  const std::filesystem::path file = std::filesystem::canonical(flags.project.config, none);
  UPNEXT_ASSIGN_OR_RETURN(const std::string now, base::ReadFile(file));
  if (now != config.text()) {
    return Aborted(
        "{}: expected the file as it was read, found it changed meanwhile; run `upnext "
        "tune` again",
        flags.project.config);
  }
  const std::filesystem::perms mode = std::filesystem::status(file, none).permissions();
  UPNEXT_RETURN_IF_ERROR(base::WriteFileAtomic(file, *text));
  std::filesystem::permissions(file, mode, none);
  return Ok();
}

Status RunTune(const TuneFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const api::Settings settings, api::Settings::Load(flags.project));
  UPNEXT_ASSIGN_OR_RETURN(const bundle::OpenedModels opened, settings.project.OpenValidated());
  if (opened.models->ranker() == nullptr) {
    return FailedPrecondition(
        "expected a ranker, whose score can be tuned, found none in bundle {}: a log with "
        "impressions has one",
        opened.models->manifest().version);
  }
  base::ThreadPool pool(settings.threads);
  ProgressBar progress;
  UPNEXT_ASSIGN_OR_RETURN(const report::ScoreReport report,
                          Tune(flags, settings, opened, pool, progress));
  if (!flags.html.empty()) {
    UPNEXT_RETURN_IF_ERROR(base::WriteFileAtomic(flags.html, report::RenderScoreHtml(report)));
    progress.Note(fmt::format("wrote {}", flags.html));
  }
  Print("{}\n", flags.json ? report::RenderScoreJson(report) : report::RenderScoreTable(report));
  if (!flags.write) return Ok();
  if (!report.search.changed) {
    progress.Note(fmt::format("{} stays as it is", flags.project.config));
    return Ok();
  }
  UPNEXT_RETURN_IF_ERROR(WriteScore(flags, settings.project.config(),
                                    opened.models->ranker()->objectives(), opened.log.schema(),
                                    report.search.chosen));
  progress.Note(
      fmt::format("wrote the score to {}; servers read it when they start", flags.project.config));
  return Ok();
}

}  // namespace

std::function<Status()> MakeTune(CLI::App& app) {
  auto flags = std::make_shared<TuneFlags>();
  AddProjectFlags(app, &flags->project);
  app.add_option("--target", flags->target,
                 "What to have most of, NAME:WEIGHT separated by commas: objectives, engagement, "
                 "satisfaction (default: engagement while satisfaction is not lower for certain)");
  app.add_option("--part", flags->part, "Held-out part to use")
      ->check(CLI::IsMember({"test", "validation"}))
      ->capture_default_str();
  app.add_option("--world", flags->world,
                 "World file of the `upnext simulate --world` that made the log: also reports the "
                 "true value of each page")
      ->type_name("FILE");
  app.add_option("--lines", flags->lines, "Lines of exponents to try, at most")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--seed", flags->seed, "Seed of search and bootstrap (default: [train] seed)")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--json", flags->json, "Print the lines as JSON");
  app.add_option("--html", flags->html, "Also write a page with the trade-off to this file")
      ->type_name("FILE");
  app.add_flag("--write", flags->write,
               "Write the chosen exponents into the project file; all else in it stays");
  return [flags] { return RunTune(*flags); };
}

}  // namespace upnext::cli
