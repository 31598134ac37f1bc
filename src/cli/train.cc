#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/section_file.h"
#include "cli/progress_bar.h"
#include "cli/verbs.h"

namespace upnext::cli {
namespace {

struct Flags {
  ProjectFlags project;
  std::string only;
  bool force = false, json = false;
  int64_t seed = -1;
};

// With --only, the other stage's model comes from the current bundle, provided that it speaks of
// the same vocabularies.
Result<OpenedBundle> OtherStage(const Project& project, const std::filesystem::path& features_file,
                                const Flags& flags) {
  Result<OpenedBundle> current = OpenBundle(project);
  if (!current) {
    return FailedPrecondition(
        "--only {} keeps the other stage's model of the current bundle, and there is none to keep "
        "({}); train once without --only",
        flags.only, current.error().message);
  }
  UPNEXT_ASSIGN_OR_RETURN(
      const auto file,
      base::SectionFile::Open(features_file, features::kTablesKind, features::kTablesVersion));
  if (file.digest() != current->bundle->manifest().features_digest) {
    return FailedPrecondition(
        "--only {}: the log or the [features] changed since bundle {}, so its other model no "
        "longer "
        "fits; train without --only",
        flags.only, current->bundle->manifest().version);
  }
  return current;
}

void Print(const bundle::Manifest& manifest, const evaluation::Report& report, bool json) {
  if (json) {
    nlohmann::json out = nlohmann::json::parse(evaluation::RenderJson(report));
    out["bundle"] = {{"version", manifest.version},
                     {"log", manifest.log_version},
                     {"forced", manifest.forced},
                     {"gate", manifest.gate}};
    fmt::print("{}\n", out.dump(2));
    return;
  }
  fmt::print("{}\npublished bundle {}{}\n", evaluation::RenderTable(report), manifest.version,
             manifest.forced ? " although " + manifest.gate : "");
}

// "" when the new report may replace the current bundle's, else the reason why not.
Result<std::string> Gate(const Project& project, const evaluation::Report& report) {
  Result<std::string> version = project.bundles().Current();
  if (!version) return std::string();
  UPNEXT_ASSIGN_OR_RETURN(const std::string json,
                          base::ReadFile(project.bundles().Path(*version) / "report.json"));
  UPNEXT_ASSIGN_OR_RETURN(const evaluation::Report current, evaluation::ParseJson(json));
  return evaluation::WorseThan(report, current, project.publish_margin);
}

Status Publish(const Project& project, const Flags& flags, const std::filesystem::path& staged,
               const bundle::Parts& parts, const evaluation::Report& report,
               bundle::Manifest* manifest) {
  UPNEXT_ASSIGN_OR_RETURN(manifest->gate, Gate(project, report));
  if (!manifest->gate.empty()) {
    if (!flags.force) {
      UPNEXT_RETURN_IF_ERROR(base::RemoveAll(staged));
      return FailedPrecondition(
          "not published: {}. The current bundle stays; --force publishes all the same",
          manifest->gate);
    }
    manifest->forced = true;
  }
  UPNEXT_RETURN_IF_ERROR(bundle::WriteBundle(staged, parts, manifest));
  base::VersionedRoot bundles = project.bundles();
  UPNEXT_ASSIGN_OR_RETURN(manifest->version, bundles.Publish(staged));
  UPNEXT_RETURN_IF_ERROR(bundles.SetCurrent(manifest->version));
  return Prune(project);
}

Status Run(const Flags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(Project project, Project::Load(flags.project));
  UPNEXT_ASSIGN_OR_RETURN(const base::LockFile lock, project.Lock());
  UPNEXT_ASSIGN_OR_RETURN(const events::EventLog log, project.OpenLog());
  if (flags.seed >= 0) project.pipeline.SetSeed(static_cast<uint64_t>(flags.seed));
  project.pipeline.train_retrieval = flags.only != "ranking";
  project.pipeline.train_ranking = flags.only != "retrieval";

  base::ThreadPool pool(project.threads);
  ProgressBar progress;
  UPNEXT_ASSIGN_OR_RETURN(auto run,
                          studies::Pipeline::Prepare(log, project.pipeline, pool, progress));
  base::VersionedRoot bundles = project.bundles();
  UPNEXT_ASSIGN_OR_RETURN(const std::filesystem::path staged, bundles.Begin());
  UPNEXT_RETURN_IF_ERROR(run->tables().Save(staged / "features.uxs"));
  OpenedBundle other;
  if (!flags.only.empty()) {
    UPNEXT_ASSIGN_OR_RETURN(other, OtherStage(project, staged / "features.uxs", flags));
  }
  UPNEXT_RETURN_IF_ERROR(run->Train(progress));

  bundle::Parts parts = run->parts();
  if (flags.only == "ranking") {
    parts.candidate = other.bundle->candidate();
    parts.index = other.bundle->index();
  } else if (flags.only == "retrieval") {
    parts.ranker = other.bundle->ranker();
  }
  UPNEXT_ASSIGN_OR_RETURN(
      const evaluation::Report report,
      run->Evaluate(project.pipeline.evaluate, parts.candidate, parts.ranker, progress));
  parts.project_toml = project.config.text();
  parts.report_json = evaluation::RenderJson(report);

  bundle::Manifest manifest;
  manifest.created = base::FormatTime(base::SystemClock().NowMs());
  UPNEXT_ASSIGN_OR_RETURN(manifest.log_version, project.logs().Current());
  manifest.log_digest = log.digest();
  manifest.upnext_version = UPNEXT_VERSION;
  manifest.split = report.split;
  manifest.machine = report.machine;
  manifest.seed = project.pipeline.seed;
  UPNEXT_RETURN_IF_ERROR(Publish(project, flags, staged, parts, report, &manifest));
  Print(manifest, report, flags.json);
  return Ok();
}

}  // namespace

std::function<Status()> MakeTrain(CLI::App& app) {
  auto flags = std::make_shared<Flags>();
  AddProjectFlags(app, &flags->project);
  app.add_option("--only", flags->only,
                 "Train one stage and keep the other's model of the current bundle")
      ->check(CLI::IsMember({"retrieval", "ranking"}));
  app.add_flag("--force", flags->force,
               "Publish even if the figures are worse than the current bundle's");
  app.add_option("--seed", flags->seed, "Seed (default: [train] seed, else 1)")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--json", flags->json, "Print the report as JSON");
  return [flags] { return Run(*flags); };
}

}  // namespace upnext::cli
