#include "api/settings.h"

#include <filesystem>
#include <utility>

#include "base/config.h"
#include "bundle/opened_bundle.h"

namespace upnext::api {

Result<Settings> Settings::Load(const project::Location& location) {
  UPNEXT_ASSIGN_OR_RETURN(project::Project project, project::Project::Load(location));
  const base::Config config = project.config();
  const int64_t threads = config.Table("train").Int("threads", 0, {.min = 0, .max = 1024});
  Settings settings{
      .file = location.config,
      .project = std::move(project),
      .import = import::ImportOptions::FromConfig(config),
      .training = training::Options::FromConfig(config),
      .engine = serving::EngineOptions::FromConfig(config),
      .server = net::ServerOptions::FromConfig(config),
      .run = RunOptions::FromConfig(config, std::filesystem::path(location.config).parent_path()),
      .threads = static_cast<int>(threads)};
  settings.import.data = settings.project.data();
  // Relative to the project file, like its other paths.
  const auto folder = std::filesystem::path(location.config).parent_path();
  for (std::string* file :
       {&settings.server.certificate, &settings.server.private_key, &settings.server.backups}) {
    if (!file->empty()) *file = (folder / *file).string();
  }
  std::string& request_log = settings.server.request_log;
  if (!request_log.empty() && request_log != "-") request_log = (folder / request_log).string();
  UPNEXT_RETURN_IF_ERROR(config.Check());
  return settings;
}

serving::ReplayOptions ReplayOptionsOf(const Settings& settings) {
  const project::Project& project = settings.project;
  return {.log_root = project.logs().root(),
          .bundle_root = project.bundles().root(),
          .store = project.store(),
          .generation = {.engine = settings.engine,
                         .signals = project.signals(),
                         .schema = project.schema(),
                         .max_new_names = settings.server.max_new_names},
          .prepare = [&project](bundle::Bundle& bundle) { project.SetScoreWeights(&bundle); }};
}

}  // namespace upnext::api
