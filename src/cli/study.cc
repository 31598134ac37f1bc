#include "studies/study.h"

#include <fmt/format.h>

#include <memory>

#include "base/suggest.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/verbs.h"

namespace upnext::cli {
namespace {

struct StudyFlags {
  std::string name, html, scale = "full", scratch;
  std::vector<std::string> merge;
  bool json = false;
  int seeds = 10, threads = 0;
  uint64_t first_seed = 1;
};

void ListStudies(bool as_json) {
  size_t width = 0;
  for (const studies::Study& study : studies::Studies()) width = std::max(width, study.name.size());
  std::string out;
  for (const studies::Study& study : studies::Studies()) {
    if (as_json) {
      out += fmt::format("{}\"{}\"", out.empty() ? "[" : ", ", study.name);
    } else {
      out += fmt::format("{:<{}}  {}\n", study.name, width, study.question);
    }
  }
  Print("{}{}", out, as_json ? "]\n" : "");
}

Result<const studies::Study*> StudyOf(const std::string& name) {
  if (const studies::Study* study = studies::FindStudy(name)) return study;
  std::vector<std::string> names;
  for (const studies::Study& study : studies::Studies()) names.push_back(study.name);
  return NotFound("unknown study '{}'{}; `upnext study` lists them", name,
                  base::DidYouMean(name, names));
}

Result<studies::StudyReport> ReportOf(const studies::Study& study, const StudyFlags& flags,
                                      base::Progress& progress) {
  if (!flags.merge.empty()) {
    std::vector<std::string> reports;
    for (const std::string& file : flags.merge) {
      UPNEXT_ASSIGN_OR_RETURN(reports.emplace_back(), base::ReadFile(file));
    }
    return studies::MergeReports(study, reports);
  }
  const studies::StudyOptions options{
      .seeds = flags.seeds,
      .first_seed = flags.first_seed,
      .scale = flags.scale == "tiny" ? studies::Scale::kTiny : studies::Scale::kFull,
      .scratch = flags.scratch};
  base::ThreadPool pool(flags.threads);
  return studies::RunStudy(study, options, pool, progress);
}

Status RunStudy(const StudyFlags& flags) {
  if (flags.name.empty()) {
    ListStudies(flags.json);
    return Ok();
  }
  UPNEXT_ASSIGN_OR_RETURN(const studies::Study* study, StudyOf(flags.name));
  ProgressBar progress;
  UPNEXT_ASSIGN_OR_RETURN(const studies::StudyReport report, ReportOf(*study, flags, progress));
  if (!flags.html.empty()) {
    UPNEXT_RETURN_IF_ERROR(base::WriteFileAtomic(flags.html, studies::RenderHtml(report)));
    progress.Note(fmt::format("wrote {}", flags.html));
  }
  Print("{}\n", flags.json ? studies::RenderJson(report) : studies::RenderTable(report));
  return Ok();
}

}  // namespace

std::function<Status()> MakeStudy(CLI::App& app) {
  auto flags = std::make_shared<StudyFlags>();
  app.add_option("name", flags->name, "Name of the study (default: list all studies)");
  app.add_option("--seeds", flags->seeds, "Number of worlds, one seed each")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--first-seed", flags->first_seed, "First seed")->capture_default_str();
  app.add_option("--scale", flags->scale, "tiny takes seconds, for a quick check")
      ->check(CLI::IsMember({"full", "tiny"}))
      ->capture_default_str();
  app.add_flag("--json", flags->json, "Print the report as JSON, with the values of every seed");
  app.add_option("--html", flags->html, "Also write a page with tables and plots to this file")
      ->type_name("FILE");
  app.add_option("--merge", flags->merge,
                 "Run nothing: the report of these JSON reports of the study together")
      ->type_name("FILE");
  app.add_option("--threads", flags->threads, "Threads (default: all processors)")
      ->check(CLI::Range(0, 1024));
  app.add_option("--scratch", flags->scratch,
                 "Temporary folder for logs and bundles (default: the system's)")
      ->type_name("FOLDER");
  return [flags] { return RunStudy(*flags); };
}

}  // namespace upnext::cli
