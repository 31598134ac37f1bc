#include <fmt/format.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/settings.h"
#include "base/numbers.h"
#include "base/thread_pool.h"
#include "bundle/opened_bundle.h"
#include "catalogue/catalogue.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/verbs.h"
#include "examples/replay.h"
#include "examples/split.h"
#include "interchange/example_table.h"
#include "interchange/export_models.h"
#include "log/event_log.h"
#include "project/project.h"
#include "ranking/objectives.h"
#include "training/dataset.h"
#include "training/preconditions.h"
#include "training/reference.h"

namespace upnext::cli {
namespace {

using examples::SplitPart;

const std::map<std::string, std::vector<SplitPart>> kExportedParts = {
    {"train", {SplitPart::kTrain}},
    {"validation", {SplitPart::kValidation}},
    {"test", {SplitPart::kTest}},
    {"all", {SplitPart::kTrain, SplitPart::kValidation, SplitPart::kTest}}};

struct ExportFlags {
  project::Location project;
  std::string onnx, examples, stage = "ranking", part = "all";
  uint64_t limit = 0;
};

Status ExportOnnx(const ExportFlags& flags, const api::Settings& settings, base::ThreadPool& pool) {
  UPNEXT_ASSIGN_OR_RETURN(const bundle::OpenedBundle opened,
                          settings.project.OpenBundle(bundle::LogChoice::kTrainedOn));
  const catalogue::Catalogue catalogue(opened.log);
  examples::SplitOptions everything_trains;
  everything_trains.kind = examples::SplitOptions::Kind::kNone;
  UPNEXT_ASSIGN_OR_RETURN(const examples::Split split,
                          examples::Split::Make(everything_trains, opened.log, opened.rule));
  const bundle::Bundle& bundle = *opened.bundle;
  UPNEXT_RETURN_IF_ERROR(interchange::ExportModels({.tables = bundle.tables(),
                                                    .candidate = bundle.candidate(),
                                                    .ranker = bundle.ranker(),
                                                    .version = bundle.manifest().version,
                                                    .seed = settings.training.train.seed},
                                                   {opened.log, catalogue, opened.rule, split},
                                                   flags.onnx, pool));
  Print("models of bundle {} written to {}\n", bundle.manifest().version, flags.onnx);
  return Ok();
}

Status ExportExamples(const ExportFlags& flags, const api::Settings& settings,
                      base::ThreadPool& pool) {
  const training::Options& options = settings.training;
  UPNEXT_ASSIGN_OR_RETURN(const log::EventLog log, settings.project.OpenLog());
  ProgressBar progress;
  const bool ranking = flags.stage == "ranking";
  training::ReferencePtr reference;
  if (ranking) {
    UPNEXT_ASSIGN_OR_RETURN(reference,
                            training::ReferenceOfCurrent(settings.project, log, options.dataset));
  }
  UPNEXT_ASSIGN_OR_RETURN(const auto dataset,
                          training::Dataset::Prepare(log, options.dataset, pool, progress, nullptr,
                                                     std::move(reference)));
  if (ranking && !dataset->has_impressions()) {
    return FailedPrecondition(
        "expected impressions, which the ranker is trained on, found none in the log; --stage "
        "retrieval writes the examples of the candidate model");
  }
  std::vector<ranking::Objective> objectives;
  if (ranking) {
    UPNEXT_ASSIGN_OR_RETURN(
        objectives, training::TrainableObjectives(*dataset, options.train.objectives,
                                                  {.are_defaults = options.train.default_objectives,
                                                   .feed = options.evaluate.feed},
                                                  pool, progress));
  }
  UPNEXT_ASSIGN_OR_RETURN(
      const uint64_t rows,
      interchange::WriteExamples(
          dataset->source(), dataset->statistics(), objectives,
          {.stage = ranking ? interchange::Stage::kRanking : interchange::Stage::kRetrieval,
           .parts = kExportedParts.at(flags.part),
           .min_history = options.train.candidate_train.min_history,
           .limit = flags.limit,
           .seed = options.train.seed},
          flags.examples, pool, progress));
  Print("{} examples written to {}\n", base::WithThousands(rows), flags.examples);
  return Ok();
}

Status RunExport(const ExportFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const api::Settings settings, api::Settings::Load(flags.project));
  base::ThreadPool pool(settings.threads);
  if (!flags.onnx.empty()) UPNEXT_RETURN_IF_ERROR(ExportOnnx(flags, settings, pool));
  return flags.examples.empty() ? Ok() : ExportExamples(flags, settings, pool);
}

}  // namespace

std::function<Status()> MakeExport(CLI::App& app) {
  auto flags = std::make_shared<ExportFlags>();
  AddProjectFlags(app, &flags->project);
  CLI::Option_group* const what = app.add_option_group("what to write");
  what->require_option(1, 2);
  what->add_option("--onnx", flags->onnx, "The models of the current bundle as ONNX: folder");
  CLI::Option* const examples =
      what->add_option("--examples", flags->examples, "Training examples as Parquet: file");
  app.add_option("--stage", flags->stage, "Examples of the ranker or of the candidate model")
      ->check(CLI::IsMember({"retrieval", "ranking"}))
      ->capture_default_str()
      ->needs(examples);
  app.add_option("--part", flags->part, "Part of the log that examples are of")
      ->check(CLI::IsMember({"train", "validation", "test", "all"}))
      ->capture_default_str()
      ->needs(examples);
  app.add_option("--limit", flags->limit, "Examples at most, of users chosen at random (0: all)")
      ->capture_default_str()
      ->needs(examples);
  return [flags] { return RunExport(*flags); };
}

}  // namespace upnext::cli
