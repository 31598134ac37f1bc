#include "base/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "api/settings.h"
#include "api/shown_config.h"
#include "cli/output.h"
#include "cli/printable.h"
#include "cli/verbs.h"
#include "project/project.h"

namespace upnext::cli {
namespace {

struct ConfigFlags {
  project::Location project;
  bool json = false;
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
    Print("{:<{}}  # {}\n", lines[i], width, Printable(values[i].origin));
  }
  return Ok();
}

}  // namespace

std::function<Status()> MakeConfig(CLI::App& app) {
  auto flags = std::make_shared<ConfigFlags>();
  app.require_subcommand(1);
  CLI::App* const show =
      app.add_subcommand("show", "print every value in use, and where each comes from");
  AddProjectFlags(*show, &flags->project);
  show->add_flag("--json", flags->json, "Print them as JSON");
  return [flags] { return RunConfigShow(*flags); };
}

}  // namespace upnext::cli
