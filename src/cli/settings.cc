#include "cli/settings.h"

#include <utility>

#include "base/config.h"

namespace upnext::cli {

Result<Settings> Settings::Load(const project::Location& location) {
  UPNEXT_ASSIGN_OR_RETURN(project::Project project, project::Project::Load(location));
  const base::Config& config = project.config();
  Settings settings{.project = project};
  settings.import = import::ImportOptions::FromConfig(config.Table("import"));
  settings.import.data = project.data();
  settings.pipeline = studies::PipelineOptions::FromConfig(config);
  settings.engine = serving::EngineOptions::FromConfig(config.Table("serving"));
  const base::ConfigTable train = config.Table("train");
  settings.publish_margin = train.Real("margin", 0.02, {.min = 0, .max = 1});
  settings.threads = static_cast<int>(train.Int("threads", 0, {.min = 0, .max = 1024}));
  UPNEXT_RETURN_IF_ERROR(config.Check());
  return settings;
}

}  // namespace upnext::cli
