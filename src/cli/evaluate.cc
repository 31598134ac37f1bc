#include "evaluation/evaluate.h"

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "api/models.h"
#include "api/settings.h"
#include "api/true_value.h"
#include "base/numbers.h"
#include "base/thread_pool.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/verbs.h"
#include "examples/split.h"
#include "project/project.h"
#include "report/render.h"
#include "studies/live_value.h"

namespace upnext::cli {
namespace {

struct EvaluateFlags {
  project::Location project;
  std::string html, part = "test", world;
  bool json = false, frozen = false, importance = false;
  int64_t seed = -1;
};

Status RunEvaluate(const EvaluateFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const api::Settings settings, api::Settings::Load(flags.project));
  base::ThreadPool pool(settings.threads);
  ProgressBar progress;
  api::EvaluateRequest request = {
      .part = flags.part == "test" ? examples::SplitPart::kTest : examples::SplitPart::kValidation,
      .frozen = flags.frozen,
      .importance = flags.importance};
  if (flags.seed >= 0) request.seed = static_cast<uint64_t>(flags.seed);
  std::optional<studies::ValueReport> value;
  if (!flags.world.empty()) {  // first: the file may be the wrong one
    UPNEXT_ASSIGN_OR_RETURN(value, api::TrueValue(settings, flags.world, pool, progress));
  }
  UPNEXT_ASSIGN_OR_RETURN(const evaluation::Report report,
                          api::EvaluateProject(settings, request, pool, progress));
  if (!flags.html.empty()) {
    UPNEXT_RETURN_IF_ERROR(base::WriteFileAtomic(flags.html, report::RenderHtml(report)));
    progress.Note(fmt::format("wrote {}", flags.html));
  }
  std::string out = flags.json ? report::RenderJson(report) : report::RenderTable(report);
  if (value) {
    out = flags.json ? api::WithTrueValue(out, *value)
                     : out + "\n" + studies::RenderValueTable(*value);
  }
  Print("{}\n", out);
  return Ok();
}

}  // namespace

std::function<Status()> MakeEvaluate(CLI::App& app) {
  auto flags = std::make_shared<EvaluateFlags>();
  AddProjectFlags(app, &flags->project);
  app.add_flag("--json", flags->json, "Print the report as JSON");
  app.add_option("--html", flags->html, "Also write a page with tables and plots to this file")
      ->type_name("FILE");
  app.add_option("--part", flags->part, "Held-out part to use")
      ->check(CLI::IsMember({"test", "validation"}))
      ->capture_default_str();
  app.add_flag("--frozen", flags->frozen,
               "Rank with user states as of the split, instead of before each impression");
  app.add_flag("--importance", flags->importance,
               fmt::format("Also permute each feature of the ranker among {} held-out impressions, "
                           "and report what is lost",
                           base::WithThousands(evaluation::kImportanceSample)));
  app.add_option("--world", flags->world,
                 "World file of the `upnext simulate --world` that made the log: also simulates "
                 "the test days with each feed and reports its true value for the users")
      ->type_name("FILE");
  app.add_option("--seed", flags->seed, "Seed of the bootstrap (default: [train] seed, else 1)")
      ->check(CLI::NonNegativeNumber);
  return [flags] { return RunEvaluate(*flags); };
}

}  // namespace upnext::cli
