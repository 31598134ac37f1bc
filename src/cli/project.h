// A project as the command line sees it: the project file, the data directory, and the folder that
// holds what upnext makes of them:
//
//   PROJECT_DIR/  log/v000001 CURRENT    bundles/v000001 CURRENT    store/    training/    lock
#ifndef UPNEXT_CLI_PROJECT_H_
#define UPNEXT_CLI_PROJECT_H_

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/config.h"
#include "base/file.h"
#include "base/lock_file.h"
#include "base/status.h"
#include "bundle/bundle.h"
#include "import/import.h"
#include "log/event_log.h"
#include "serving/engine.h"
#include "serving/service.h"
#include "studies/pipeline.h"

namespace upnext::cli {

// What -c, --data and --project-dir say.
struct ProjectFlags {
  std::string config = "upnext.toml", data = {}, directory = {};
};

struct Project {
  base::Config config;
  std::filesystem::path
      data;  // --data, else UPNEXT_DATA, else [project] data, else the file's folder
  std::filesystem::path
      directory;  // --project-dir, else [project] directory, else .upnext/NAME beside the file
  import::ImportOptions import;
  studies::PipelineOptions pipeline;
  serving::EngineOptions engine;
  double publish_margin = 0.02;  // [train] margin: how much worse a new version may be, relative
  int threads = 0;               // [train] threads; 0: all

  // Reads the whole file, so that a mistake anywhere in it is told at once by any verb.
  static Result<Project> Load(const ProjectFlags& flags);

  base::VersionedRoot logs() const { return base::VersionedRoot(directory / "log"); }
  base::VersionedRoot bundles() const { return base::VersionedRoot(directory / "bundles"); }
  std::filesystem::path store() const { return directory / "store"; }
  // Held by verbs that write; kAborted when another process holds the project.
  Result<base::LockFile> Lock() const;
  // The current one, or one shard of it; kNotFound says to run import.
  Result<log::EventLog> OpenLog(std::optional<uint32_t> shard = std::nullopt) const;
};

// The current bundle and a log of the same numbers.
struct OpenedBundle {
  log::EventLog log;
  std::unique_ptr<bundle::Bundle> bundle;
};
// Which log: the one the bundle was trained on, for what judges it, or the newest that goes on from
// that one by appends (serving::LogToServe), for feeds.
enum class LogChoice : uint8_t { kTrainedOn, kNewest };
// kNotFound says to run train; kFailedPrecondition when [labels] changed since.
Result<OpenedBundle> OpenBundle(const Project& project, LogChoice choice);
// The split that the bundle was trained with, of the log it was trained on; kFailedPrecondition
// when the project file has another one now.
Result<examples::Split> SplitOf(const Project& project, const OpenedBundle& opened);

// Keeps the current log and the one the current bundle was trained on, and the newest bundles;
// removes others.
Status Prune(const Project& project);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_PROJECT_H_
