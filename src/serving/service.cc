#include "serving/service.h"

#include <atomic>
#include <optional>
#include <utility>

#include "base/file.h"
#include "base/versioned_root.h"
#include "bundle/opened_bundle.h"
#include "serving/similar.h"

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

Result<std::unique_ptr<Service>> Service::Start(const ServiceOptions& options) {
  auto rep = std::make_unique<Rep>(options.clock != nullptr ? *options.clock : base::SystemClock());
  UPNEXT_ASSIGN_OR_RETURN(bundle::OpenedBundle opened,
                          bundle::OpenCurrent(base::VersionedRoot(options.bundle_root),
                                              base::VersionedRoot(options.log_root), options.rule,
                                              bundle::LogChoice::kNewest));
  rep->log_version = opened.log.directory().filename().string();
  rep->bundle = std::move(opened.bundle);
  rep->catalogue.emplace(std::move(opened.log));
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
