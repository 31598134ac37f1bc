#include "serving/service.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include "base/file.h"

namespace upnext::serving {

// Members in the order in which they depend on each other: the last made is the first destroyed.
struct Service::Rep {
  const base::Clock& clock;
  std::string log_version;
  std::optional<catalogue::Catalogue> catalogue;
  std::unique_ptr<bundle::Bundle> bundle;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<store::UserStates> states;
  std::optional<Engine> engine;
  std::atomic<uint64_t> events_applied{0}, duplicates{0};

  explicit Rep(const base::Clock& c) : clock(c) {}
};

Service::Service(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
Service::~Service() = default;

Result<std::string> LogToServe(const base::VersionedRoot& logs, const bundle::Manifest& manifest) {
  Result<std::string> current = logs.Current();
  if (!current && current.error().code != Code::kNotFound) return current;
  if (!current || *current == manifest.log_version) return manifest.log_version;
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<uint64_t> lineage,
                          log::EventLog::ReadLineage(logs.Path(*current)));
  const bool goes_on = std::ranges::find(lineage, manifest.log_digest) != lineage.end();
  return goes_on ? *current : manifest.log_version;
}

Result<std::unique_ptr<Service>> Service::Start(const ServiceOptions& options) {
  const base::VersionedRoot bundles(options.bundle_root), logs(options.log_root);
  Result<std::string> version = bundles.Current();
  if (!version) {
    if (version.error().code != Code::kNotFound) return std::unexpected(version.error());
    return NotFound("{}: no bundle to serve yet; run `upnext train` first",
                    options.bundle_root.string());
  }
  auto rep = std::make_unique<Rep>(options.clock != nullptr ? *options.clock : base::SystemClock());
  UPNEXT_ASSIGN_OR_RETURN(const bundle::Manifest manifest,
                          bundle::ReadManifest(bundles.Path(*version)));
  UPNEXT_RETURN_IF_ERROR(bundle::CheckLabels(manifest, options.rule));
  UPNEXT_ASSIGN_OR_RETURN(rep->log_version, LogToServe(logs, manifest));
  UPNEXT_ASSIGN_OR_RETURN(log::EventLog log, log::EventLog::Open(logs.Path(rep->log_version)));
  UPNEXT_ASSIGN_OR_RETURN(rep->bundle, bundle::Bundle::Open(bundles.Path(*version), log.lineage()));
  UPNEXT_RETURN_IF_ERROR(rep->bundle->tables().CheckIds(log));
  rep->catalogue.emplace(std::move(log));
  UPNEXT_ASSIGN_OR_RETURN(rep->store, store::OpenRocksStore(options.store));
  UPNEXT_ASSIGN_OR_RETURN(
      rep->states, store::UserStates::Attach(rep->store.get(), *rep->catalogue, options.rule));
  rep->engine.emplace(*rep->bundle, *rep->catalogue, options.engine);
  return std::unique_ptr<Service>(new Service(std::move(rep)));
}

Result<Slate> Service::Recommend(Request request) {
  if (request.time_ms == 0) request.time_ms = rep_->clock.NowMs();
  UPNEXT_ASSIGN_OR_RETURN(const features::UserState state, rep_->states->Get(request.user));
  return rep_->engine->Recommend(state, request);
}

Result<store::Applied> Service::PostEvents(std::vector<schema::RawEvent> events,
                                           std::span<const std::string> ids) {
  const int64_t now = rep_->clock.NowMs();
  for (schema::RawEvent& event : events) {
    if (event.time_ms == schema::kNoTime) event.time_ms = now;
  }
  UPNEXT_ASSIGN_OR_RETURN(const store::Applied applied, rep_->states->Apply(events, ids));
  rep_->events_applied += applied.accepted;
  rep_->duplicates += applied.duplicates;
  return applied;
}

Result<std::vector<Recommendation>> Service::Similar(std::string_view item, uint32_t n) {
  return SimilarItems(*rep_->bundle, *rep_->catalogue, item, n);
}

ServiceStatus Service::status() const {
  return {.bundle_version = rep_->bundle->manifest().version,
          .log_version = rep_->log_version,
          .items = rep_->catalogue->size(schema::IdSpace::kItem),
          .users = rep_->catalogue->size(schema::IdSpace::kUser),
          .events_applied = rep_->events_applied,
          .duplicates = rep_->duplicates};
}

const catalogue::Catalogue& Service::catalogue() const { return *rep_->catalogue; }
const bundle::Bundle& Service::bundle() const { return *rep_->bundle; }
const Engine& Service::engine() const { return *rep_->engine; }

Result<features::UserState> Service::State(std::string_view user) const {
  return rep_->states->Get(user);
}

}  // namespace upnext::serving
