#include "cli/verbs.h"
#include "project/project.h"

namespace upnext::cli {

void AddProjectFlags(CLI::App& app, project::Location* flags) {
  app.add_option("-c,--config", flags->config, "The project file")
      ->type_name("FILE")
      ->envname("UPNEXT_CONFIG")
      ->capture_default_str();
  app.add_option("--data", flags->data,
                 "Folder that replaces {data} in the project file (default: UPNEXT_DATA, else "
                 "[project] data, else the project file's folder)")
      ->type_name("FOLDER");
  app.add_option("--project-dir", flags->directory,
                 "Folder of the log, the bundles and the store (default: UPNEXT_PROJECT_DIR, else "
                 "[project] directory, else .upnext/NAME next to the project file)")
      ->type_name("FOLDER");
}

}  // namespace upnext::cli
