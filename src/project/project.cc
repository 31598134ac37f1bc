#include "project/project.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <set>
#include <utility>
#include <vector>

#include "base/toml_text.h"

namespace upnext::project {

namespace fs = std::filesystem;

namespace {

constexpr std::ptrdiff_t kKeptBundles = 3;
constexpr auto kCurrentPatience = std::chrono::seconds(30);

// A folder that a flag, the environment or the project file gives.
struct FolderSource {
  const char* key;
  const char* flag;
  const std::string& given;  // by the flag
  const char* variable;      // of the environment
};
// The first that is given; what the file says is relative to its folder.
fs::path Resolve(const base::Config& config, const FolderSource& source,
                 const fs::path& config_folder, const fs::path& fallback) {
  const fs::path configured = config.Table("project").Text(source.key, "");
  const auto use = [&](const fs::path& path, std::string_view origin) {
    config.Use(fmt::format("project.{}", source.key), base::TomlText(path.string()), origin);
    return path;
  };
  if (!source.given.empty()) return use(source.given, source.flag);
  const char* const value = std::getenv(source.variable);
  if (value != nullptr && *value != '\0') return use(value, source.variable);
  if (configured.empty()) return use(fallback, "default");
  return configured.is_absolute() ? configured : config_folder / configured;
}

}  // namespace

Result<Project> Project::Load(const Location& location) {
  Project project;
  UPNEXT_ASSIGN_OR_RETURN(project.config_,
                          location.toml ? base::Config::Parse(*location.toml, location.config)
                                        : base::Config::Load(location.config));
  const fs::path file = location.config;
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  project.folder_ = folder;
  project.data_ =
      Resolve(project.config_, {"data", "--data", location.data, "UPNEXT_DATA"}, folder, folder);
  project.directory_ = Resolve(
      project.config_, {"directory", "--project-dir", location.directory, "UPNEXT_PROJECT_DIR"},
      folder, folder / ".upnext" / file.stem());
  if (const fs::path library = project.config_.Table("onnxruntime").Text("library", "");
      !library.empty()) {
    project.onnx_runtime_ = project.Beside(library);
  }
  if (const char* const library = std::getenv("UPNEXT_ONNXRUNTIME");
      library != nullptr && *library != '\0') {
    project.config_.Use("onnxruntime.library", base::TomlText(std::string(library)),
                        "UPNEXT_ONNXRUNTIME");
  }
  project.schema_ = schema::Schema::FromConfig(project.config_.Table("schema"));
  project.signals_ = features::SignalOptions::FromConfig(project.config_, project.schema_);
  project.score_weights_ = bundle::ScoreWeightsFromConfig(project.config_);
  return project;
}

Result<base::LockFile> Project::Lock() const {
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(directory_));
  return base::LockFile::Acquire(directory_ / "lock");
}

Result<base::LockFile> Project::LockCurrent() const {
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(directory_));
  return base::LockFile::AcquireWithin(directory_ / "current.lock", kCurrentPatience);
}

Result<log::EventLog> Project::OpenLog(std::optional<uint32_t> shard) const {
  const Result<std::string> version = logs().Current();
  if (!version) {
    if (version.error().code != Code::kNotFound) return std::unexpected(version.error());
    return NotFound("{}: no event log yet; run `upnext import` with the same -c first",
                    directory_.string());
  }
  UPNEXT_ASSIGN_OR_RETURN(log::EventLog log, log::EventLog::Open(logs().Path(*version), shard));
  UPNEXT_RETURN_IF_ERROR(log::CheckSchema(log, schema_));
  return log;
}

void Project::UseOnnxRuntime() const { bundle::UseOnnxRuntime(onnx_runtime_); }

Result<bundle::OpenedBundle> Project::OpenBundle(bundle::LogChoice choice) const {
  UseOnnxRuntime();
  UPNEXT_ASSIGN_OR_RETURN(bundle::OpenedBundle opened,
                          bundle::OpenCurrent(bundles(), logs(), signals_, choice));
  UPNEXT_RETURN_IF_ERROR(log::CheckSchema(opened.log, schema_));
  opened.bundle->SetScoreWeights(score_weights_);
  return opened;
}

Result<bundle::ServedVersions> Project::Served() const {
  return bundle::VersionsToServe(bundles(), logs());
}

Result<bundle::OpenedModels> Project::OpenValidated() const {
  UseOnnxRuntime();
  UPNEXT_ASSIGN_OR_RETURN(bundle::OpenedModels opened,
                          bundle::OpenCurrentValidated(bundles(), logs(), signals_));
  UPNEXT_RETURN_IF_ERROR(log::CheckSchema(opened.log, schema_));
  opened.models->SetScoreWeights(score_weights_);
  return opened;
}

Result<std::unique_ptr<store::Store>> Project::OpenStore() const {
  return store::OpenRocksStore(store(), schema_);
}

Status Project::Prune() const {
  UPNEXT_ASSIGN_OR_RETURN(const base::LockFile lock, LockCurrent());
  std::set<std::string> logs_in_use;
  if (auto current = logs().Current()) logs_in_use.insert(*current);
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<std::string> versions, bundles().Versions());
  std::set<std::string> kept;
  const auto keep_up_to = [&](std::vector<std::string>::const_iterator end) {
    kept.insert(end - std::min(kKeptBundles, end - versions.begin()), end);
  };
  keep_up_to(versions.end());
  const auto current = std::ranges::find(versions, bundles().Current().value_or(""));
  if (current != versions.end()) keep_up_to(current + 1);
  for (const std::string& version : versions) {
    const fs::path folder = bundles().Path(version);
    if (!kept.contains(version)) {
      UPNEXT_RETURN_IF_ERROR(base::RemoveAll(folder));
    } else if (auto manifest = bundle::ReadManifest(folder)) {
      logs_in_use.insert(manifest->log_version);
      if (auto served = bundle::LogToServe(logs(), *manifest)) logs_in_use.insert(*served);
    }
  }
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<std::string> log_versions, logs().Versions());
  for (const std::string& version : log_versions) {
    if (logs_in_use.contains(version)) continue;
    UPNEXT_RETURN_IF_ERROR(base::RemoveAll(logs().Path(version)));
  }
  return Ok();
}

}  // namespace upnext::project
