#include "api/inspect.h"

#include <fmt/format.h>

#include <utility>

#include "ann/index.h"
#include "base/time_text.h"
#include "bundle/manifest.h"
#include "bundle/opened_bundle.h"
#include "log/event_log.h"
#include "schema/event.h"
#include "schema/schema.h"

namespace upnext::api {
namespace {

nlohmann::ordered_json LogJson(const log::EventLog& log) {
  const log::LogStats& stats = log.stats();
  nlohmann::ordered_json out = {{"kind", "event log"},
                                {"directory", log.directory().string()},
                                {"events", stats.events},
                                {"bytes", stats.bytes},
                                {"digest", fmt::format("{:016x}", log.digest())},
                                {"verified", true}};
  if (stats.events > 0) {
    out["first"] = base::FormatTime(stats.first_ms);
    out["last"] = base::FormatTime(stats.last_ms);
  }
  size_t type = 0;
  for (const schema::EventTypeInfo& info : log.schema().event_types()) {
    if (stats.by_type[++type] > 0) out["types"][info.name] = stats.by_type[type];
  }
  if (log.posted().store != 0 || stats.posted > 0) {
    out["posted"] = {{"events", stats.posted},
                     {"store", fmt::format("{:016x}", log.posted().store)},
                     {"through", log.posted().through}};
  }
  // What each import added, if there were several.
  for (const log::LogStats& segment : log.segments()) {
    if (log.segments().size() == 1) break;
    nlohmann::ordered_json part = {{"events", segment.events}, {"bytes", segment.bytes}};
    if (segment.events > 0) {
      part["first"] = base::FormatTime(segment.first_ms);
      part["last"] = base::FormatTime(segment.last_ms);
    }
    out["segments"].push_back(std::move(part));
  }
  for (const auto& [name, entity] :
       {std::pair("items", schema::Entity::kItem), std::pair("users", schema::Entity::kUser)}) {
    // They keep their numbers.
    if (const auto gone = log.gone(entity); !gone.empty()) out["gone"][name] = gone.size();
  }
  uint8_t space = 0;
  for (const std::string& name : log.schema().id_spaces()) {
    out["ids"][name] = log.dictionary(static_cast<schema::IdSpace>(space++)).size();
  }
  return out;
}

nlohmann::ordered_json BundleJson(const bundle::Manifest& manifest,
                                  const std::filesystem::path& path) {
  nlohmann::ordered_json out = {
      {"kind", "bundle"},
      {"directory", path.string()},
      {"version", manifest.version},
      {"created", manifest.created},
      {"log", manifest.log_version},
      {"log_digest", fmt::format("{:016x}", manifest.log_digest)},
      {"features_digest", fmt::format("{:016x}", manifest.features_digest)},
      {"upnext", manifest.upnext_version},
      {"split", manifest.split},
      {"machine", manifest.machine},
      {"seed", manifest.seed},
      {"labels", manifest.labels},
      {"forced", manifest.forced},
      {"verified", true}};
  if (!manifest.gate.empty()) out["gate"] = manifest.gate;
  for (const bundle::PartEntry& part : manifest.parts) {
    out["parts"].push_back({{"name", part.name},
                            {"file", part.file},
                            {"kind", part.kind},
                            {"version", part.version},
                            {"bytes", part.bytes},
                            {"checksum", fmt::format("{:016x}", part.checksum)}});
  }
  return out;
}

}  // namespace

Result<nlohmann::ordered_json> InspectFolder(const std::filesystem::path& path) {
  if (std::filesystem::exists(path / "manifest.json")) {
    UPNEXT_ASSIGN_OR_RETURN(const bundle::Manifest manifest, bundle::VerifyBundle(path));
    return BundleJson(manifest, path);
  }
  UPNEXT_ASSIGN_OR_RETURN(const log::EventLog log, log::EventLog::Open(path));
  return LogJson(log);
}

Result<nlohmann::ordered_json> InspectProject(const project::Project& project) {
  nlohmann::ordered_json found = nlohmann::ordered_json::array();
  UPNEXT_ASSIGN_OR_RETURN(const log::EventLog log, project.OpenLog());
  found.push_back(LogJson(log));
  if (auto version = project.bundles().Current()) {
    UPNEXT_ASSIGN_OR_RETURN(nlohmann::ordered_json one,
                            InspectFolder(project.bundles().Path(*version)));
    // Opening it also proves that its files belong together and to its log.
    UPNEXT_ASSIGN_OR_RETURN(const bundle::OpenedBundle opened,
                            project.OpenBundle(bundle::LogChoice::kNewest));
    if (const ann::Index* index = opened.bundle->index()) one["index"] = index->Describe();
    if (opened.log.directory() != log.directory()) {
      one["note"] =
          "in the current log ids have other numbers than in the bundle's: feeds rest on the "
          "bundle's until a training is published";
    } else if (opened.bundle->manifest().log_version != log.directory().filename()) {
      one["note"] =
          "the current log continues the bundle's: feeds use its events, flags and histories; "
          "train to update the models too";
    }
    found.push_back(std::move(one));
  }
  return found;
}

}  // namespace upnext::api
