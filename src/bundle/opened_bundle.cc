#include "bundle/opened_bundle.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "schema/schema.h"

namespace upnext::bundle {

Result<std::string> LogToServe(const base::VersionedRoot& logs, const Manifest& manifest) {
  Result<std::string> current = logs.Current();
  if (!current && current.error().code != Code::kNotFound) return current;
  if (!current || *current == manifest.log_version) return manifest.log_version;
  const auto continues = [&](const std::string& version) -> Result<bool> {
    UPNEXT_ASSIGN_OR_RETURN(const std::vector<uint64_t> lineage,
                            log::EventLog::ReadLineage(logs.Path(version)));
    return std::ranges::find(lineage, manifest.log_digest) != lineage.end();
  };
  UPNEXT_ASSIGN_OR_RETURN(const bool newest, continues(*current));
  if (newest) return *current;
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<std::string> versions, logs.Versions());
  for (auto at = std::ranges::find(versions, *current); at != versions.begin();) {
    // An older version that cannot be read is passed over.
    if (continues(*--at).value_or(false)) return *at;
  }
  return manifest.log_version;
}

std::unexpected<Error> NoBundleYet(const base::VersionedRoot& bundles) {
  return NotFound("{}: no bundle published yet; run `upnext train` with the same -c first",
                  bundles.root().string());
}

namespace {

Result<std::filesystem::path> CurrentFolder(const base::VersionedRoot& bundles) {
  const Result<std::string> version = bundles.Current();
  if (version) return bundles.Path(*version);
  if (version.error().code != Code::kNotFound) return std::unexpected(version.error());
  return NoBundleYet(bundles);
}

Result<features::PositiveRule> RuleOf(const Manifest& manifest,
                                      const features::SignalOptions& signals,
                                      const features::FeatureStatistics& tables) {
  const schema::Schema& schema = tables.plan.schema();
  UPNEXT_ASSIGN_OR_RETURN(const features::PositiveRule rule,
                          features::PositiveRule::Parse(manifest.labels, schema));
  UPNEXT_RETURN_IF_ERROR(signals.Check(rule, schema, manifest.version));
  return rule;
}

}  // namespace

std::string ServedVersions::Note() const {
  if (bundle.empty() || log == newest_log) return "";
  return fmt::format(
      "bundle {} is served with log {}: in log {} ids have other numbers, so its events, flags and "
      "histories take effect with the next training that is published",
      bundle, log, newest_log);
}

Result<ServedVersions> VersionsToServe(const base::VersionedRoot& bundles,
                                       const base::VersionedRoot& logs) {
  ServedVersions served;
  const auto take = [](Result<std::string> version, std::string& to) -> Status {
    if (version) {
      to = *std::move(version);
    } else if (version.error().code != Code::kNotFound) {
      return std::unexpected(std::move(version).error());
    }
    return Ok();
  };
  UPNEXT_RETURN_IF_ERROR(take(logs.Current(), served.newest_log));
  UPNEXT_RETURN_IF_ERROR(take(bundles.Current(), served.bundle));
  if (served.bundle.empty()) return served;
  UPNEXT_ASSIGN_OR_RETURN(const Manifest manifest, ReadManifest(bundles.Path(served.bundle)));
  UPNEXT_ASSIGN_OR_RETURN(served.log, LogToServe(logs, manifest));
  return served;
}

Result<OpenedModels> OpenCurrentValidated(const base::VersionedRoot& bundles,
                                          const base::VersionedRoot& logs,
                                          const features::SignalOptions& signals) {
  UPNEXT_ASSIGN_OR_RETURN(const std::filesystem::path folder, CurrentFolder(bundles));
  UPNEXT_ASSIGN_OR_RETURN(const Manifest manifest, ReadManifest(folder));
  OpenedModels opened;
  UPNEXT_ASSIGN_OR_RETURN(opened.log, log::EventLog::Open(logs.Path(manifest.log_version)));
  UPNEXT_ASSIGN_OR_RETURN(opened.models, ValidatedModels::Open(folder));
  UPNEXT_ASSIGN_OR_RETURN(opened.rule, RuleOf(manifest, signals, opened.models->tables()));
  UPNEXT_RETURN_IF_ERROR(opened.models->tables().CheckIds(opened.log));
  return opened;
}

Result<OpenedBundle> OpenCurrent(const base::VersionedRoot& bundles,
                                 const base::VersionedRoot& logs,
                                 const features::SignalOptions& signals, LogChoice choice) {
  UPNEXT_ASSIGN_OR_RETURN(const std::filesystem::path folder, CurrentFolder(bundles));
  return OpenVersion(bundles, folder.filename().string(), logs, signals, choice);
}

Result<OpenedBundle> OpenVersion(const base::VersionedRoot& bundles, std::string_view version,
                                 const base::VersionedRoot& logs,
                                 const features::SignalOptions& signals, LogChoice choice) {
  const std::filesystem::path folder = bundles.Path(version);
  UPNEXT_ASSIGN_OR_RETURN(const Manifest manifest, ReadManifest(folder));
  std::string log_version = manifest.log_version;
  if (choice == LogChoice::kNewest) {
    UPNEXT_ASSIGN_OR_RETURN(log_version, LogToServe(logs, manifest));
  }
  return OpenVersions(bundles, version, logs, log_version, signals);
}

Result<OpenedBundle> OpenVersions(const base::VersionedRoot& bundles, std::string_view version,
                                  const base::VersionedRoot& logs, std::string_view log_version,
                                  const features::SignalOptions& signals) {
  const std::filesystem::path folder = bundles.Path(version);
  UPNEXT_ASSIGN_OR_RETURN(const Manifest manifest, ReadManifest(folder));
  OpenedBundle opened;
  UPNEXT_ASSIGN_OR_RETURN(opened.log, log::EventLog::Open(logs.Path(log_version)));
  UPNEXT_ASSIGN_OR_RETURN(opened.bundle, Bundle::Open(folder, opened.log.lineage()));
  UPNEXT_ASSIGN_OR_RETURN(opened.rule, RuleOf(manifest, signals, opened.bundle->tables()));
  UPNEXT_RETURN_IF_ERROR(opened.bundle->tables().CheckIds(opened.log));
  return opened;
}

}  // namespace upnext::bundle
