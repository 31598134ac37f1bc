#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api/settings.h"
#include "bundle/opened_bundle.h"
#include "cli/older_log.h"
#include "cli/output.h"
#include "cli/site_operations.h"
#include "cli/verbs.h"
#include "net/admin.h"
#include "project/current_bundle.h"
#include "project/project.h"

namespace upnext::cli {
namespace {

struct PublishFlags {
  project::Location project;
  std::string version;
  bool previous = false, json = false;
};

Status List(const project::Project& project, bool json) {
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<net::BundleVersion> versions, BundlesOf(project));
  if (json) {
    nlohmann::ordered_json out = nlohmann::ordered_json::array();
    for (const net::BundleVersion& one : versions) {
      nlohmann::ordered_json figures = nlohmann::ordered_json::object();
      for (const auto& [name, value] : one.figures) figures[name] = value;
      if (!one.readable) {
        out.push_back(
            {{"version", one.version}, {"current", one.current}, {"error", one.not_servable}});
        continue;
      }
      out.push_back({{"version", one.version},
                     {"current", one.current},
                     {"created", one.created},
                     {"log", one.log},
                     {"figures", std::move(figures)},
                     {"forced", one.forced}});
    }
    Print("{}\n", out.dump(2));
    return Ok();
  }
  if (versions.empty()) return bundle::NoBundleYet(project.bundles());
  for (const net::BundleVersion& one : versions) {
    if (!one.readable) {
      Print("{} {}  {}\n", one.current ? "*" : " ", one.version, one.not_servable);
      continue;
    }
    std::string line = fmt::format("{} {}  {}  log {}", one.current ? "*" : " ", one.version,
                                   one.created, one.log);
    for (const auto& [name, value] : one.figures) line += fmt::format("  {} {:.4f}", name, value);
    Print("{}{}\n", line, one.forced ? "  forced" : "");
  }
  Print("* is the current one; --version V makes another current\n");
  return Ok();
}

Status RunPublish(const PublishFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const api::Settings settings, api::Settings::Load(flags.project));
  if (flags.version.empty() && !flags.previous) return List(settings.project, flags.json);
  UPNEXT_ASSIGN_OR_RETURN(
      const std::string version,
      project::MakeBundleCurrent(settings.project, flags.previous ? "" : flags.version, "publish"));
  Print("bundle {} is current; {}\n", version, kTakenUp);
  return TellOlderLog(settings.project);
}

}  // namespace

std::function<Status()> MakePublish(CLI::App& app) {
  auto flags = std::make_shared<PublishFlags>();
  AddProjectFlags(app, &flags->project);
  CLI::Option* version =
      app.add_option("--version", flags->version, "The version to make current, such as v000002");
  CLI::Option* previous =
      app.add_flag("--previous", flags->previous, "Make the one before the current one current")
          ->excludes(version);
  app.add_flag("--json", flags->json, "Print the list as JSON")
      ->excludes(version)
      ->excludes(previous);
  return [flags] { return RunPublish(*flags); };
}

}  // namespace upnext::cli
