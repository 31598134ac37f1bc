#include "cli/project.h"

#include <cstdlib>
#include <set>

namespace upnext::cli {

namespace fs = std::filesystem;

namespace {

constexpr size_t kKeptBundles = 3;

fs::path Resolve(const std::string& flag, const char* environment, const std::string& configured,
                 const fs::path& config_folder, const fs::path& fallback) {
  if (!flag.empty()) return flag;
  if (environment != nullptr && *environment != '\0') return environment;
  if (configured.empty()) return fallback;
  const fs::path path = configured;
  return path.is_absolute() ? path : config_folder / path;
}

}  // namespace

Result<Project> Project::Load(const ProjectFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(base::Config config, base::Config::Load(flags.config));
  const fs::path file = flags.config;
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  Project project;
  project.config = std::move(config);
  const base::ConfigTable table = project.config.Table("project");
  project.data =
      Resolve(flags.data, std::getenv("UPNEXT_DATA"), table.Text("data", ""), folder, folder);
  project.directory = Resolve(flags.directory, nullptr, table.Text("directory", ""), folder,
                              folder / ".upnext" / file.stem());
  project.import = import::ImportOptions::FromConfig(project.config.Table("import"));
  project.import.data = project.data;
  project.pipeline = studies::PipelineOptions::FromConfig(project.config);
  project.engine = serving::EngineOptions::FromConfig(project.config.Table("serving"));
  const base::ConfigTable train = project.config.Table("train");
  project.publish_margin = train.Real("margin", 0.02, {.min = 0, .max = 1});
  project.threads = static_cast<int>(train.Int("threads", 0, {.min = 0, .max = 1024}));
  UPNEXT_RETURN_IF_ERROR(project.config.Check());
  return project;
}

Result<base::LockFile> Project::Lock() const {
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(directory));
  return base::LockFile::Acquire(directory / "lock");
}

Result<log::EventLog> Project::OpenLog(std::optional<uint32_t> shard) const {
  Result<std::string> version = logs().Current();
  if (!version) {
    if (version.error().code != Code::kNotFound) return std::unexpected(version.error());
    return NotFound("{}: no event log yet; run `upnext import` with the same -c first",
                    directory.string());
  }
  return log::EventLog::Open(logs().Path(*version), shard);
}

Result<OpenedBundle> OpenBundle(const Project& project, LogChoice choice) {
  Result<std::string> version = project.bundles().Current();
  if (!version) {
    if (version.error().code != Code::kNotFound) return std::unexpected(version.error());
    return NotFound("{}: no bundle published yet; run `upnext train` with the same -c first",
                    project.directory.string());
  }
  const fs::path directory = project.bundles().Path(*version);
  UPNEXT_ASSIGN_OR_RETURN(bundle::Manifest manifest, bundle::ReadManifest(directory));
  UPNEXT_RETURN_IF_ERROR(bundle::CheckLabels(manifest, project.pipeline.rule));
  std::string log_version = manifest.log_version;
  if (choice == LogChoice::kNewest) {
    UPNEXT_ASSIGN_OR_RETURN(log_version, serving::LogToServe(project.logs(), manifest));
  }
  UPNEXT_ASSIGN_OR_RETURN(log::EventLog log, log::EventLog::Open(project.logs().Path(log_version)));
  UPNEXT_ASSIGN_OR_RETURN(auto opened, bundle::Bundle::Open(directory, log.lineage()));
  UPNEXT_RETURN_IF_ERROR(opened->tables().CheckIds(log));
  return OpenedBundle{std::move(log), std::move(opened)};
}

Result<examples::Split> SplitOf(const Project& project, const OpenedBundle& opened) {
  UPNEXT_ASSIGN_OR_RETURN(
      examples::Split split,
      examples::Split::Make(project.pipeline.split, opened.log, project.pipeline.rule));
  const std::string& trained = opened.bundle->manifest().split;
  if (split.Describe() != trained) {
    return FailedPrecondition(
        "[split] changed since bundle {} was trained ({}; now {}), so it may have learned from "
        "what "
        "would test it: train again, or put [split] back",
        opened.bundle->manifest().version, trained, split.Describe());
  }
  return split;
}

Status Prune(const Project& project) {
  std::set<std::string> logs_in_use;
  if (auto current = project.logs().Current()) logs_in_use.insert(*current);
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<std::string> bundles, project.bundles().Versions());
  const Result<std::string> current_bundle = project.bundles().Current();
  for (size_t i = 0; i < bundles.size(); ++i) {
    const fs::path directory = project.bundles().Path(bundles[i]);
    const bool keep =
        i + kKeptBundles >= bundles.size() || (current_bundle && bundles[i] == *current_bundle);
    if (!keep) {
      UPNEXT_RETURN_IF_ERROR(base::RemoveAll(directory));
    } else if (auto manifest = bundle::ReadManifest(directory)) {
      logs_in_use.insert(manifest->log_version);
    }
  }
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<std::string> logs, project.logs().Versions());
  for (const std::string& version : logs) {
    if (!logs_in_use.contains(version)) {
      UPNEXT_RETURN_IF_ERROR(base::RemoveAll(project.logs().Path(version)));
    }
  }
  return Ok();
}

}  // namespace upnext::cli
