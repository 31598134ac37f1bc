#include "base/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "api/settings.h"
#include "api/shown_config.h"
#include "cli/command_text.h"
#include "cli/config_check.h"
#include "cli/doctor.h"
#include "cli/output.h"
#include "cli/printable.h"
#include "cli/variables.h"
#include "cli/verbs.h"
#include "project/project.h"

namespace upnext::cli {
namespace {

struct ConfigFlags {
  project::Location project;
  bool origin = false, json = false;
};

// Lines of TOML, so that one can be copied to the project file and changed.
Status RunConfigShow(const ConfigFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const api::Settings settings, api::Settings::Load(flags.project));
  const std::vector<base::ConfigValue> values = api::ShownConfig(settings);
  if (flags.json) {
    Print("{}\n", api::ConfigJson(values));
    return Ok();
  }
  constexpr size_t kWidest = 56;
  size_t width = 0;
  std::vector<std::string> lines;
  for (const base::ConfigValue& one : values) {
    lines.push_back(Printable(fmt::format("{} = {}", one.key, one.value)));
    if (lines.back().size() <= kWidest) width = std::max(width, lines.back().size());
  }
  for (size_t i = 0; i < values.size(); ++i) {
    if (flags.origin) {
      Print("{:<{}}  # {}\n", lines[i], width, Printable(values[i].origin));
    } else {
      Print("{}\n", lines[i]);
    }
  }
  return Ok();
}

Status RunConfigCheck(const ConfigFlags& flags, const CLI::App& root) {
  std::set<std::string> known = VariablesOf(DescribeCommand(root));
  for (const OtherVariable& other : OtherVariables()) known.emplace(other.name);
  const std::vector<Finding> findings = CheckConfig(flags.project, known);
  PrintFindings(findings, flags.json);
  const auto errors = std::ranges::count(findings, Health::kError, &Finding::health);
  if (errors == 0) return Ok();
  return FailedPrecondition("{}: {} {}", flags.project.config, errors,
                            errors == 1 ? "error" : "errors");
}

}  // namespace

std::function<Status()> MakeConfig(CLI::App& app) {
  auto flags = std::make_shared<ConfigFlags>();
  app.require_subcommand(1);
  CLI::App* const show = app.add_subcommand("show", "print every value in use");
  AddProjectFlags(*show, &flags->project);
  show->add_flag("--origin", flags->origin,
                 "Also print where each comes from: a line of the file, a flag, a variable of the "
                 "environment, or the default");
  show->add_flag("--json", flags->json, "Print them as JSON, with where they come from");
  CLI::App* const check = app.add_subcommand(
      "check", "check the whole project file: its keys, SELECTs, features and files");
  AddProjectFlags(*check, &flags->project);
  check->add_flag("--json", flags->json, "Print JSON");
  return [flags, check, &app] {
    return check->parsed() ? RunConfigCheck(*flags, *app.get_parent()) : RunConfigShow(*flags);
  };
}

}  // namespace upnext::cli
