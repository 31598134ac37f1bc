#include <fmt/format.h>

#include <memory>

#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/verbs.h"

namespace upnext::cli {
namespace {

struct Flags {
  ProjectFlags project;
  std::string html, part = "test";
  bool json = false, frozen = false;
  int64_t seed = -1;
};

Status Run(const Flags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const Project project, Project::Load(flags.project));
  UPNEXT_ASSIGN_OR_RETURN(const OpenedBundle opened, OpenBundle(project, LogChoice::kTrainedOn));
  const bundle::Bundle& bundle = *opened.bundle;
  const features::Catalogue catalogue(opened.log);
  UPNEXT_ASSIGN_OR_RETURN(const examples::Split split, SplitOf(project, opened));
  const examples::ReplaySource source{opened.log, catalogue, project.pipeline.rule, split};

  evaluation::EvaluateOptions options = project.pipeline.evaluate;
  options.part = flags.part == "test" ? examples::Part::kTest : examples::Part::kValidation;
  options.frozen_state = flags.frozen;
  if (flags.seed >= 0) options.seed = static_cast<uint64_t>(flags.seed);
  base::ThreadPool pool(project.threads);
  ProgressBar progress;
  UPNEXT_ASSIGN_OR_RETURN(
      evaluation::Report report,
      evaluation::Evaluate({source, bundle.tables(), bundle.candidate(), bundle.ranker()}, options,
                           pool, progress));
  report.version = bundle.manifest().version;
  if (bundle.manifest().forced) {
    report.notes.push_back("published with --force although " + bundle.manifest().gate);
  }
  if (!flags.html.empty()) {
    UPNEXT_RETURN_IF_ERROR(base::WriteFileAtomic(flags.html, evaluation::RenderHtml(report)));
    progress.Note(fmt::format("wrote {}", flags.html));
  }
  Print("{}\n", flags.json ? evaluation::RenderJson(report) : evaluation::RenderTable(report));
  return Ok();
}

}  // namespace

std::function<Status()> MakeEvaluate(CLI::App& app) {
  auto flags = std::make_shared<Flags>();
  AddProjectFlags(app, &flags->project);
  app.add_flag("--json", flags->json, "Print the report as JSON");
  app.add_option("--html", flags->html, "Also write a page with tables and plots to this file");
  app.add_option("--part", flags->part, "Which held-out part to use")
      ->check(CLI::IsMember({"test", "validation"}))
      ->capture_default_str();
  app.add_flag("--frozen", flags->frozen,
               "Rank with user states as they were at the split, instead of up to each impression");
  app.add_option("--seed", flags->seed, "Seed of the bootstrap (default: [train] seed, else 1)")
      ->check(CLI::NonNegativeNumber);
  return [flags] { return Run(*flags); };
}

}  // namespace upnext::cli
