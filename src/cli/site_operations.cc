#include "cli/site_operations.h"

#include <filesystem>
#include <string>
#include <utility>

#include "api/shown_config.h"
#include "base/file.h"
#include "bundle/manifest.h"
#include "bundle/opened_bundle.h"
#include "bundle/part.h"
#include "evaluation/report.h"
#include "project/backup.h"
#include "project/current_bundle.h"
#include "report/render.h"

namespace upnext::cli {
namespace {

constexpr size_t kShownChanges = 20;

// The main metrics of the stages that a bundle has: what the gate compares.
std::vector<std::pair<std::string, double>> MainFigures(const std::filesystem::path& bundle) {
  std::vector<std::pair<std::string, double>> figures;
  const Result<std::string> text = base::ReadFile(bundle / bundle::ReportType().file);
  if (!text) return figures;
  const Result<evaluation::Report> report = report::ParseJson(*text);
  if (!report) return figures;
  const auto add = [&](const evaluation::Metrics& metrics,
                       std::initializer_list<const char*> names) {
    for (const char* name : names) {
      if (const auto at = metrics.find(name); at != metrics.end()) {
        figures.emplace_back(name, at->second.value);
        return;
      }
    }
  };
  if (report->retrieval) add(report->retrieval->model.metrics, {"ndcg@10"});
  if (report->ranking) add(report->ranking->model.metrics, {"weighted_user_loss", "watch_rmse_s"});
  return figures;
}

// Why feeds cannot be made with a bundle, "" when they can; looks at names alone.
std::string WhyNotServable(const project::Project& project, const bundle::Manifest& manifest) {
  const Result<std::string> log = bundle::LogToServe(project.logs(), manifest);
  if (!log) return log.error().message;
  std::error_code error;
  if (std::filesystem::is_directory(project.logs().Path(*log), error)) return "";
  return fmt::format("log {}, which it needs, is not there any more", *log);
}

Status RollBack(const project::Project& project, serving::Follower& follower,
                std::string_view version) {
  UPNEXT_RETURN_IF_ERROR(project::MakeBundleCurrent(project, std::string(version), "roll back"));
  return follower.TakeUpNow();
}

Result<std::vector<net::BundleChange>> ChangesOf(const project::Project& project) {
  UPNEXT_ASSIGN_OR_RETURN(const auto made, project::BundleChanges(project, kShownChanges));
  std::vector<net::BundleChange> changes;
  for (const project::BundleChange& one : made) {
    changes.push_back({.time = one.time, .to = one.to, .from = one.from, .by = one.by});
  }
  return changes;
}

Result<net::BackedUp> BackUp(const api::Settings& settings, const store::Store& store,
                             std::string_view name) {
  if (settings.server.backups.empty()) {
    return FailedPrecondition(
        "expected [server] backups in the project file: the folder that backups are written to");
  }
  const std::filesystem::path to = std::filesystem::path(settings.server.backups) / name;
  UPNEXT_ASSIGN_OR_RETURN(const project::BackupDone done,
                          project::WriteBackup(settings.project, settings.file, store, to));
  return net::BackedUp{.path = to.string(),
                       .bundle = done.manifest.bundle,
                       .log = done.manifest.log,
                       .files = done.manifest.files.size(),
                       .bytes = done.bytes};
}

}  // namespace

Result<std::vector<net::BundleVersion>> BundlesOf(const project::Project& project) {
  std::vector<net::BundleVersion> bundles;
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<std::string> versions, project.bundles().Versions());
  const std::string current = project.bundles().Current().value_or("");
  for (const std::string& version : versions) {
    const std::filesystem::path folder = project.bundles().Path(version);
    const Result<bundle::Manifest> manifest = bundle::ReadManifest(folder);
    if (!manifest) {  // the others are to be seen all the more
      bundles.push_back({.version = version,
                         .created = {},
                         .log = {},
                         .current = version == current,
                         .not_servable = manifest.error().message,
                         .readable = false});
      continue;
    }
    bundles.push_back({.version = version,
                       .created = manifest->created,
                       .log = manifest->log_version,
                       .current = version == current,
                       .forced = manifest->forced,
                       .not_servable = WhyNotServable(project, *manifest),
                       .figures = MainFigures(folder)});
  }
  return bundles;
}

net::Operations OperationsOf(const api::Settings& settings, serving::Follower& follower,
                             std::shared_ptr<const store::Store> store) {
  const project::Project& project = settings.project;
  return {
      .config = [&settings] { return api::ShownConfig(settings); },
      .bundles = [&project] { return BundlesOf(project); },
      .changes = [&project] { return ChangesOf(project); },
      .reload = [&follower] { return follower.TakeUpNow(); },
      .roll_back = [&project, &follower](
                       std::string_view version) { return RollBack(project, follower, version); },
      .backup = [&settings, store = std::move(store)](
                    std::string_view name) { return BackUp(settings, *store, name); }};
}

}  // namespace upnext::cli
