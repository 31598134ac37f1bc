// Operations on the log and the models of a project.
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "api/import_project.h"
#include "api/inspect.h"
#include "api/models.h"
#include "api/operations.h"
#include "api/shown_config.h"
#include "api/true_value.h"
#include "base/thread_pool.h"
#include "evaluation/report.h"
#include "examples/split.h"
#include "log/event_log.h"
#include "report/render.h"
#include "studies/live_value.h"
#include "training/job.h"
#include "training/onnx_models.h"

namespace upnext::api {
namespace {

constexpr auto kMaxWhole = 9e15;  // to which a number of JSON has every whole one

constexpr Key kImportKeys[] = {
    {"events", KeyType::kText, "SELECT of the events, in place of the project file's"},
    {"items", KeyType::kText, "SELECT of the items, in place of the project file's"},
    {"users", KeyType::kText, "SELECT of the users, in place of the project file's"},
    {"append", KeyType::kFlag, "Add the rows to the current log instead of replacing it"},
    {"from_store", KeyType::kFlag,
     "Add what was posted to the server since the last time; alone: no SELECT runs"},
    {"full", KeyType::kFlag, "With from_store: replace the log by all rows of the SELECTs too"},
    {"shards", KeyType::kWhole, "Files to spread the users over", 1, 4096},
    {"max_rejects", KeyType::kNumber, "Share of bad rows above which nothing is published", 0, 1},
};

Result<Outcome> RunImport(const OperationInput& in) {
  const Request& request = in.request;
  ImportRequest wanted = {.events = request.MaybeText("events"),
                          .items = request.MaybeText("items"),
                          .users = request.MaybeText("users"),
                          .append = request.Flag("append"),
                          .from_store = request.Flag("from_store"),
                          .full = request.Flag("full"),
                          .tables = in.tables};
  if (wanted.append && wanted.full) {
    return InvalidArgument("import: append adds to the log and full replaces it; give one of them");
  }
  if (request.Has("max_rejects")) wanted.max_rejects = request.Number("max_rejects", 0);
  if (request.Has("shards")) wanted.shards = static_cast<uint32_t>(request.Whole("shards", 1));
  UPNEXT_ASSIGN_OR_RETURN(const Imported done,
                          ImportProject(in.project->settings(), wanted, in.progress));
  return Outcome{.json = ImportJson(done).dump()};
}

constexpr std::string_view kStages[] = {"retrieval", "ranking"};
constexpr std::string_view kContinue[] = {"no", "if_possible", "yes"};  // training::Continue

constexpr Key kTrainKeys[] = {
    {.name = "only",
     .type = KeyType::kText,
     .help = "Train one stage and keep the other's model of the current bundle",
     .choices = kStages},
    {.name = "continue",
     .type = KeyType::kText,
     .help = "Continue the models of the current bundle with what is new since",
     .choices = kContinue},
    {"resume", KeyType::kFlag, "Continue from the checkpoint of a training that was interrupted"},
    {"force", KeyType::kFlag,
     "Publish even if the current bundle is clearly better on the same events"},
    {"seed", KeyType::kWhole, "Seed, in place of the project file's", 0, kMaxWhole},
};

Result<Outcome> RunTrain(const OperationInput& in) {
  const Request& request = in.request;
  const Settings& settings = in.project->settings();
  training::Options options = settings.training;
  if (request.Has("seed")) options.SetSeed(static_cast<uint64_t>(request.Whole("seed", 1)));
  training::JobRequest job = {.resume = request.Flag("resume"), .force = request.Flag("force")};
  const std::string only = request.Text("only"), continues = request.Text("continue", "no");
  for (const auto stage : {training::Stage::kRetrieval, training::Stage::kRanking}) {
    if (only == training::StageName(stage)) job.only = stage;
  }
  if (continues == "if_possible") job.continues = training::Continue::kIfPossible;
  if (continues == "yes") job.continues = training::Continue::kYes;
  if (job.only && job.continues != training::Continue::kNo) {
    return InvalidArgument("train: only and continue exclude each other");
  }
  base::ThreadPool pool(settings.threads);
  UPNEXT_ASSIGN_OR_RETURN(const training::JobResult result,
                          training::RunJob(settings.project, options, job, pool, in.progress));
  return Outcome{.json = TrainJson(result).dump()};
}

constexpr std::string_view kHeldOut[] = {"test", "validation"};

constexpr Key kEvaluateKeys[] = {
    {.name = "part", .type = KeyType::kText, .help = "Held-out part to use", .choices = kHeldOut},
    {"frozen", KeyType::kFlag,
     "Rank with user states as of the split, instead of before each impression"},
    {"importance", KeyType::kFlag,
     "Also permute each feature of the ranker and report what is lost"},
    {"seed", KeyType::kWhole, "Seed of the bootstrap", 0, kMaxWhole},
    {"world", KeyType::kText,
     "World file that the log was simulated with: also simulate the test days with each feed and give "
     "its true value for the users, as `true_value`"},
    {"html", KeyType::kFlag, "Also give the page with tables and plots, as `html`"},
};

Result<Outcome> RunEvaluate(const OperationInput& in) {
  const Request& request = in.request;
  const Settings& settings = in.project->settings();
  EvaluateRequest wanted = {.part = request.Text("part", "test") == "test"
                                        ? examples::SplitPart::kTest
                                        : examples::SplitPart::kValidation,
                            .frozen = request.Flag("frozen"),
                            .importance = request.Flag("importance")};
  if (request.Has("seed")) wanted.seed = static_cast<uint64_t>(request.Whole("seed", 1));
  base::ThreadPool pool(settings.threads);
  std::optional<studies::ValueReport> value;
  if (request.Has("world")) {  // first: the file may be the wrong one
    UPNEXT_ASSIGN_OR_RETURN(value, TrueValue(settings, request.Text("world"), pool, in.progress));
  }
  UPNEXT_ASSIGN_OR_RETURN(const evaluation::Report report,
                          EvaluateProject(settings, wanted, pool, in.progress));
  std::string json = report::RenderJson(report);
  if (value) json = WithTrueValue(json, *value);
  if (!request.Flag("html")) return Outcome{.json = std::move(json)};
  nlohmann::ordered_json out = nlohmann::ordered_json::parse(json);
  out["html"] = report::RenderHtml(report);
  return Outcome{.json = out.dump()};
}

constexpr std::string_view kParts[] = {"train", "validation", "test", "all"};

constexpr Key kExamplesKeys[] = {
    {"out", KeyType::kText, "File for the examples, as Parquet"},
    {.name = "stage",
     .type = KeyType::kText,
     .help = "Examples of the ranker or of the candidate model",
     .choices = kStages},
    {.name = "part",
     .type = KeyType::kText,
     .help = "Part of the log that examples are of",
     .choices = kParts},
    {"limit", KeyType::kWhole, "Examples at most, of users chosen at random; 0: all", 0, kMaxWhole},
};

Result<Outcome> RunExamples(const OperationInput& in) {
  const Request& request = in.request;
  const Settings& settings = in.project->settings();
  if (!request.Has("out")) return InvalidArgument("examples: out: expected a file, found none");
  base::ThreadPool pool(settings.threads);
  UPNEXT_ASSIGN_OR_RETURN(
      const uint64_t rows,
      ExportExamples(settings,
                     {.file = request.Text("out"),
                      .ranking = request.Text("stage", "ranking") == "ranking",
                      .part = request.Text("part", "all"),
                      .limit = static_cast<uint64_t>(request.Whole("limit", 0))},
                     pool, in.progress));
  return Outcome{.json =
                     nlohmann::json{{"examples", rows},
                                    {"out", request.Text("out")},
                                    {"statistics",
                                     training::StatisticsOfExamples(request.Text("out")).string()}}
                         .dump()};
}

constexpr Key kExportKeys[] = {{"out", KeyType::kText, "Folder for the models, as ONNX"}};

Result<Outcome> RunExport(const OperationInput& in) {
  const Settings& settings = in.project->settings();
  if (!in.request.Has("out")) return InvalidArgument("export: out: expected a folder, found none");
  base::ThreadPool pool(settings.threads);
  const std::string out = in.request.Text("out");
  UPNEXT_ASSIGN_OR_RETURN(const std::string version, ExportModels(settings, out, pool));
  return Outcome{.json = nlohmann::json{{"version", version}, {"out", out}}.dump()};
}

Result<Outcome> RunConfig(const OperationInput& in) {
  return Outcome{.json = ConfigJson(ShownConfig(in.project->settings()))};
}

constexpr Key kInspectKeys[] = {
    {"path", KeyType::kText,
     "A log or bundle folder, in place of the project's current log and bundle"}};

Result<Outcome> RunInspect(const OperationInput& in) {
  if (in.request.Has("path")) {
    UPNEXT_ASSIGN_OR_RETURN(nlohmann::ordered_json one, InspectFolder(in.request.Text("path")));
    return Outcome{.json = nlohmann::ordered_json::array({std::move(one)}).dump()};
  }
  UPNEXT_ASSIGN_OR_RETURN(const nlohmann::ordered_json found,
                          InspectProject(in.project->settings().project));
  return Outcome{.json = found.dump()};
}

constexpr Operation kProjectOperations[] = {
    {.name = "import",
     .summary = "make an event log of files, or of the tables that were added to the project",
     .takes_tables = true,
     .keys = kImportKeys,
     .run = RunImport},
    {.name = "train",
     .summary = "train, evaluate and publish the models of the current log",
     .keys = kTrainKeys,
     .run = RunTrain},
    {.name = "evaluate",
     .summary = "measure the models on the held-out part of the log",
     .keys = kEvaluateKeys,
     .run = RunEvaluate},
    {.name = "examples",
     .summary = "write training examples for other programs",
     .keys = kExamplesKeys,
     .run = RunExamples},
    {.name = "export",
     .summary = "write the models of the current bundle as ONNX",
     .keys = kExportKeys,
     .run = RunExport},
    {.name = "config",
     .summary = "list every value in use, and where each comes from",
     .keys = {},
     .run = RunConfig},
    {.name = "inspect",
     .summary = "describe the current log and bundle",
     .keys = kInspectKeys,
     .run = RunInspect},
};

}  // namespace

std::span<const Operation> ProjectOperations() { return kProjectOperations; }

}  // namespace upnext::api
