// A project: the project file, the data folder, and the folder that holds what is made of them:
//
//   DIRECTORY/  log/v000001 CURRENT    bundles/v000001 CURRENT    store/    training/    lock
//
//   UPNEXT_ASSIGN_OR_RETURN(const Project project, Project::Load({.config = "shop.toml"}));
//   UPNEXT_ASSIGN_OR_RETURN(const log::EventLog log, project.OpenLog());
//
// One thread at a time while the file is read; afterwards any number of threads.
#ifndef UPNEXT_PROJECT_PROJECT_H_
#define UPNEXT_PROJECT_PROJECT_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/config.h"
#include "base/file.h"
#include "base/lock_file.h"
#include "base/status.h"
#include "base/versioned_root.h"
#include "bundle/bundle.h"
#include "bundle/opened_bundle.h"
#include "features/signal_options.h"
#include "log/event_log.h"
#include "schema/schema.h"
#include "store/store.h"

namespace upnext::project {

// Where a project is, as -c, --data and --project-dir give it. An empty `data` is the variable UPNEXT_DATA, else
// [project] data, else the folder of the project file; an empty `directory` is UPNEXT_PROJECT_DIR, else
// [project] directory, else .upnext/NAME next to the project file.
struct Location {
  std::string config = "upnext.toml", data = {}, directory = {};
  // The text of the project file; `config` is then its name in messages, and its folder that of relative paths.
  std::optional<std::string> toml = {};
};

class Project {
 public:
  // Reads the tables [project], [schema], [labels] and [onnxruntime], and the score weights. Mistakes wait in config().Check(): call it when all
  // other tables have been read, because a table that nothing has read counts as unknown.
  static Result<Project> Load(const Location& location);

  const base::Config& config() const { return config_; }
  const std::filesystem::path& data() const { return data_; }
  const std::filesystem::path& directory() const { return directory_; }
  // A path of the project file, which is relative to its folder.
  std::filesystem::path Beside(const std::filesystem::path& path) const {
    return path.is_absolute() ? path : folder_ / path;
  }
  // [onnxruntime] library; empty: it is looked for as without this key.
  const std::filesystem::path& onnx_runtime() const { return onnx_runtime_; }
  // Networks of others are opened with this project's library, unless the process has loaded one already. What opens
  // them calls it first; OpenBundle and OpenValidated do.
  void UseOnnxRuntime() const;
  // What counts as a complete watch. Bundles and stores are bound to it.
  const features::SignalOptions& signals() const { return signals_; }
  // What the site has. A log is bound to it: the two below refuse the log of another schema with
  // kFailedPrecondition, which says to run import.
  const schema::Schema& schema() const { return schema_; }

  base::VersionedRoot logs() const { return base::VersionedRoot(directory_ / "log"); }
  base::VersionedRoot bundles() const { return base::VersionedRoot(directory_ / "bundles"); }
  std::filesystem::path store() const { return directory_ / "store"; }
  std::filesystem::path keys() const { return directory_ / "keys.json"; }
  std::filesystem::path audit() const { return directory_ / "audit.log"; }
  std::filesystem::path checkpoints() const { return directory_ / "training"; }

  // Held by whoever writes logs or bundles; kAborted when another process holds the project.
  Result<base::LockFile> Lock() const;
  // Held for moments by whoever changes which bundle is current, or removes bundles (current_bundle.h). It is
  // another one, because a training holds the project for hours.
  Result<base::LockFile> LockCurrent() const;
  // The current log, or one shard of it; kNotFound says to run import.
  Result<log::EventLog> OpenLog(std::optional<uint32_t> shard = std::nullopt) const;
  // The current bundle and its log, with the score weights of the project file; kNotFound says to run
  // train.
  Result<bundle::OpenedBundle> OpenBundle(bundle::LogChoice choice) const;
  // As OpenBundle, of a bundle that was opened by itself.
  void SetScoreWeights(bundle::Bundle* bundle) const { bundle->SetScoreWeights(score_weights_); }
  // As a server that is started now takes them, without opening them.
  Result<bundle::ServedVersions> Served() const;
  // The models that the report of the current bundle is of, and the log of their training, with the
  // score weights of the project file.
  Result<bundle::OpenedModels> OpenValidated() const;
  // Made when there is none yet; kAborted when another process has it open.
  Result<std::unique_ptr<store::Store>> OpenStore() const;

  // Removes old versions. What stays: the current log, the three newest bundles, the current bundle
  // and the two before it, and the logs that those bundles were trained on and are served with. The
  // caller holds the lock.
  Status Prune() const;

 private:
  Project() = default;
  base::Config config_;
  std::filesystem::path folder_, data_, directory_;
  std::filesystem::path onnx_runtime_;
  features::SignalOptions signals_;
  schema::Schema schema_;
  bundle::ScoreWeights score_weights_;
};

}  // namespace upnext::project

#endif  // UPNEXT_PROJECT_PROJECT_H_
