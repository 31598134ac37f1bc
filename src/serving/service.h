// What the server offers, without sockets or JSON: recommendations, events, similar items, health,
// metrics.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto service, Service::Start(options));
//   UPNEXT_ASSIGN_OR_RETURN(Slate slate, service->Recommend(request));
//
// Any number of threads.
#ifndef UPNEXT_SERVING_SERVICE_H_
#define UPNEXT_SERVING_SERVICE_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "bundle/bundle.h"
#include "catalogue/catalogue.h"
#include "features/user_state.h"
#include "schema/raw_event.h"
#include "serving/engine.h"
#include "store/store.h"
#include "store/user_states.h"

namespace upnext::serving {

struct ServiceOptions {
  std::filesystem::path log_root, bundle_root, store;  // folders of the project
  EngineOptions engine;
  features::PositiveRule rule;
  const base::Clock* clock = nullptr;  // null: the system's
};

struct ServiceStatus {
  std::string bundle_version, log_version;      // the log served, see bundle::LogToServe
  uint64_t items = 0, users = 0;                // in the catalogue
  uint64_t events_applied = 0, duplicates = 0;  // since the start
};

class Service {
 public:
  static Result<std::unique_ptr<Service>> Start(const ServiceOptions& options);
  ~Service();

  Result<Slate> Recommend(Request request);  // time_ms 0: now
  // Events whose time is kNoTime get the service's clock. The user's next request reflects them
  // (SV-04).
  Result<store::Applied> PostEvents(std::vector<schema::RawEvent> events,
                                    std::span<const std::string> ids);
  Result<std::vector<Recommendation>> Similar(std::string_view item, uint32_t n);
  ServiceStatus status() const;
  const catalogue::Catalogue& catalogue() const;
  const bundle::Bundle& bundle() const;
  const Engine& engine() const;
  Result<features::UserState> State(
      std::string_view user) const;  // for explanation and parity tests

 private:
  struct Rep;
  explicit Service(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_SERVICE_H_
