#include "cli/verbs.h"
#include "project/project.h"

namespace upnext::cli {

void AddProjectFlags(CLI::App& app, project::Location* flags) {
  app.add_option("-c,--config", flags->config, "The project file")->capture_default_str();
  app.add_option("--data", flags->data,
                 "Where {data} in the project file points (default: UPNEXT_DATA, else [project] "
                 "data, else the project file's folder)");
  app.add_option("--project-dir", flags->directory,
                 "Where the log, the bundles and the store live (default: [project] directory, "
                 "else .upnext/NAME beside the project file)");
}

}  // namespace upnext::cli
