#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "api/models.h"
#include "api/settings.h"
#include "base/numbers.h"
#include "base/thread_pool.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/verbs.h"
#include "project/project.h"
#include "training/onnx_models.h"

namespace upnext::cli {
namespace {

struct ExportFlags {
  project::Location project;
  std::string onnx, examples, stage = "ranking", part = "all";
  uint64_t limit = 0;
};

Status RunExport(const ExportFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const api::Settings settings, api::Settings::Load(flags.project));
  base::ThreadPool pool(settings.threads);
  if (!flags.onnx.empty()) {
    UPNEXT_ASSIGN_OR_RETURN(const std::string version,
                            api::ExportModels(settings, flags.onnx, pool));
    Print("models of bundle {} written to {}\n", version, flags.onnx);
  }
  if (flags.examples.empty()) return Ok();
  ProgressBar progress;
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t rows,
                          api::ExportExamples(settings,
                                              {.file = flags.examples,
                                               .ranking = flags.stage == "ranking",
                                               .part = flags.part,
                                               .limit = flags.limit},
                                              pool, progress));
  Print("{} examples written to {}, their feature statistics to {}\n", base::WithThousands(rows),
        flags.examples, training::StatisticsOfExamples(flags.examples).string());
  return Ok();
}

}  // namespace

std::function<Status()> MakeExport(CLI::App& app) {
  auto flags = std::make_shared<ExportFlags>();
  AddProjectFlags(app, &flags->project);
  CLI::Option_group* const what = app.add_option_group("what to write");
  what->require_option(1, 2);
  what->add_option("--onnx", flags->onnx, "The models of the current bundle as ONNX: folder")
      ->type_name("FOLDER");
  CLI::Option* const examples =
      what->add_option("--examples", flags->examples, "Training examples as Parquet: file")
          ->type_name("FILE");
  app.add_option("--stage", flags->stage, "Examples of the ranker or of the candidate model")
      ->check(CLI::IsMember({"retrieval", "ranking"}))
      ->capture_default_str()
      ->needs(examples);
  app.add_option("--part", flags->part, "Part of the log that examples are of")
      ->check(CLI::IsMember(
          std::vector<std::string>(std::begin(api::kExampleParts), std::end(api::kExampleParts))))
      ->capture_default_str()
      ->needs(examples);
  app.add_option("--limit", flags->limit, "Examples at most, of users chosen at random (0: all)")
      ->capture_default_str()
      ->needs(examples);
  return [flags] { return RunExport(*flags); };
}

}  // namespace upnext::cli
