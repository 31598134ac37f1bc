#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "bundle/manifest.h"
#include "bundle/opened_bundle.h"
#include "bundle/part.h"
#include "cli/output.h"
#include "cli/settings.h"
#include "cli/verbs.h"
#include "evaluation/report.h"
#include "project/project.h"
#include "report/render.h"

namespace upnext::cli {
namespace {

struct PublishFlags {
  project::Location project;
  std::string version;
  bool json = false;
};

// The main metrics of the stages that a bundle has: what the gate compares.
nlohmann::ordered_json MainFigures(const std::filesystem::path& bundle) {
  nlohmann::ordered_json figures = nlohmann::ordered_json::object();
  const Result<std::string> text = base::ReadFile(bundle / bundle::ReportType().file);
  if (!text) return figures;
  const Result<evaluation::Report> report = report::ParseJson(*text);
  if (!report) return figures;
  const auto add = [&](const evaluation::Metrics& metrics,
                       std::initializer_list<const char*> names) {
    for (const char* name : names) {
      if (const auto at = metrics.find(name); at != metrics.end()) {
        figures[name] = at->second.value;
        return;
      }
    }
  };
  if (report->retrieval) add(report->retrieval->model.metrics, {"ndcg@10"});
  if (report->ranking) add(report->ranking->model.metrics, {"weighted_user_loss", "watch_rmse_s"});
  return figures;
}

Result<nlohmann::ordered_json> Versions(const project::Project& project) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<std::string> versions, project.bundles().Versions());
  const std::string current = project.bundles().Current().value_or("");
  for (const std::string& version : versions) {
    const std::filesystem::path folder = project.bundles().Path(version);
    UPNEXT_ASSIGN_OR_RETURN(const bundle::Manifest manifest, bundle::ReadManifest(folder));
    out.push_back({{"version", version},
                   {"current", version == current},
                   {"created", manifest.created},
                   {"log", manifest.log_version},
                   {"figures", MainFigures(folder)},
                   {"forced", manifest.forced}});
  }
  return out;
}

Status List(const project::Project& project, bool json) {
  UPNEXT_ASSIGN_OR_RETURN(const nlohmann::ordered_json versions, Versions(project));
  if (json) {
    Print("{}\n", versions.dump(2));
    return Ok();
  }
  if (versions.empty()) return bundle::NoBundleYet(project.bundles());
  for (const nlohmann::ordered_json& one : versions) {
    std::string line =
        fmt::format("{} {}  {}  log {}", one["current"].get<bool>() ? "*" : " ",
                    one["version"].get<std::string>(), one["created"].get<std::string>(),
                    one["log"].get<std::string>());
    for (const auto& [name, value] : one["figures"].items()) {
      line += fmt::format("  {} {:.4f}", name, value.get<double>());
    }
    Print("{}{}\n", line, one["forced"].get<bool>() ? "  forced" : "");
  }
  Print("* is the current one; --version V makes another current\n");
  return Ok();
}

Status RunPublish(const PublishFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const Settings settings, Settings::Load(flags.project));
  if (flags.version.empty()) return List(settings.project, flags.json);
  UPNEXT_ASSIGN_OR_RETURN(const base::LockFile lock, settings.project.Lock());
  UPNEXT_RETURN_IF_ERROR(settings.project.MakeCurrent(flags.version));
  Print("bundle {} is current; {}\n", flags.version, kTakenUp);
  return TellOlderLog(settings.project);
}

}  // namespace

std::function<Status()> MakePublish(CLI::App& app) {
  auto flags = std::make_shared<PublishFlags>();
  AddProjectFlags(app, &flags->project);
  CLI::Option* version =
      app.add_option("--version", flags->version, "The version to make current, such as v000002");
  app.add_flag("--json", flags->json, "Print the list as JSON")->excludes(version);
  return [flags] { return RunPublish(*flags); };
}

}  // namespace upnext::cli
