// A project with the options of every room, as its project file gives them.
//
//   UPNEXT_ASSIGN_OR_RETURN(const Settings settings, Settings::Load(location));
#ifndef UPNEXT_API_SETTINGS_H_
#define UPNEXT_API_SETTINGS_H_

#include <filesystem>

#include "api/run_options.h"
#include "base/status.h"
#include "import/import.h"
#include "net/server_options.h"
#include "project/project.h"
#include "serving/engine.h"
#include "serving/replay.h"
#include "training/options.h"

namespace upnext::api {

struct Settings {
  std::filesystem::path file;  // the project file
  project::Project project;
  import::ImportOptions import;
  training::Options training;
  serving::EngineOptions engine;
  net::ServerOptions server;
  RunOptions run;
  int threads = 0;  // [train] threads; 0: all

  // Reads the whole file, so that every verb reports a mistake anywhere in it.
  static Result<Settings> Load(const project::Location& location);
};

// What makes the answers of the project's server again. Refers to the settings.
serving::ReplayOptions ReplayOptionsOf(const Settings& settings);

}  // namespace upnext::api

#endif  // UPNEXT_API_SETTINGS_H_
