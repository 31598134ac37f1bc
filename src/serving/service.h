// What the server offers, without sockets or JSON: recommendations, events, similar items, items and users,
// status.
//
//   UPNEXT_ASSIGN_OR_RETURN(std::shared_ptr<store::Store> store, store::OpenRocksStore(path));
//   UPNEXT_ASSIGN_OR_RETURN(auto service, Service::Start(options, store));
//   UPNEXT_ASSIGN_OR_RETURN(Slate slate, service->generation()->Recommend(request));
//
// Any number of threads. Requests are answered by a generation; events go through the service, so
// that none is lost between two generations.
#ifndef UPNEXT_SERVING_SERVICE_H_
#define UPNEXT_SERVING_SERVICE_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "bundle/opened_bundle.h"
#include "features/user_state.h"
#include "schema/raw_event.h"
#include "serving/attribution.h"
#include "serving/generation.h"
#include "serving/slate_log.h"
#include "serving/slate_record.h"
#include "serving/stage_clock.h"
#include "store/posted_records.h"
#include "store/store.h"

namespace upnext::serving {

struct ServiceOptions {
  std::filesystem::path log_root, bundle_root;  // folders of the project
  GenerationOptions generation;
};

// How the service follows the current bundle and log of its project (follower.h).
struct TakeUps {
  int64_t since_ms = 0;           // when the served versions were taken up
  uint64_t done = 0, failed = 0;  // since the start, which is not one of them
  std::string failure = {};       // why the current versions are not served, "" when they are
  std::string note = {};          // bundle::ServedVersions::Note
};

struct ServiceStatus {
  std::string bundle_version, log_version;  // the log served, see bundle::LogToServe
  TakeUps take_ups;
  uint64_t items = 0, users = 0;                // in the catalogue
  uint64_t events_applied = 0, duplicates = 0;  // since the start
  uint64_t names_refused = 0;                   // since the start, see PostEvents
  store::WriteHealth store;
  uint64_t store_bytes = 0,
           shown_bytes = 0;  // in memory: of the store, and of what was shown (slate_memory.h)
  SlateLogCounts slates;
};

// The answer to posted events.
struct Posted {
  uint64_t accepted = 0, duplicates = 0;
  std::string bundle_version, log_version;
};

// The answer to changed items or users.
struct Changed {
  uint64_t changed = 0;
  std::string bundle_version, log_version;
};

class Service {
 public:
  // The store is for this service alone: what it holds for other logs, events excepted, is dropped.
  static Result<std::unique_ptr<Service>> Start(bundle::OpenedBundle opened,
                                                const GenerationOptions& options,
                                                std::shared_ptr<store::Store> store);
  // Serves the current bundle.
  static Result<std::unique_ptr<Service>> Start(const ServiceOptions& options,
                                                std::shared_ptr<store::Store> store);
  ~Service();

  std::shared_ptr<const Generation> generation() const;  // the current one, never null
  // New requests use `generation` as soon as this returns; requests under way end with theirs.
  // Waits for what is being written. On error, which is one of reading the store, the old one stays.
  Status Replace(std::shared_ptr<const Generation> generation);

  // What status() says of following: that a take-up failed, or that the current versions are served.
  void ReportFailure(std::string_view why);
  void ReportUpToDate(std::string_view note);

  // Events whose time is kNoTime get the service's clock. The user's next request reflects them
  // (SV-04). Waits for the disk. kInvalidArgument for a time that is too far ahead of it: it would
  // stay the user's newest event, and the newest of the log.
  // New names count for the quota of `client`; events with names beyond it are kept without ids for
  // them, see store::UserStates::Apply.
  Result<Posted> PostEvents(std::vector<schema::RawEvent> events, std::span<const std::string> ids,
                            std::string_view client = {});
  // Changes of items or users that schema::CheckEntity takes. When it returns they are durable, and
  // requests that begin then reflect them: what is put can be proposed, what is deleted or removed is
  // in no feed. All or nothing, see store::PostedRecords::Apply. New names count for `client`.
  Result<Changed> Change(schema::Entity entity, std::span<const store::EntityChange> changes,
                         std::string_view client = {});
  // See store::UserStates::Forget; nothing is known of the user's attributes either.
  Status Forget(std::string_view user);
  // See store::UserStates::Merge; `session` is a user's name (session.h), of whom nothing is known
  // afterwards. Says how many events the user got.
  Result<Changed> Merge(std::string_view session, std::string_view user);
  ServiceStatus status() const;

  // A feed for a person, which explores as far as the scenario says, and is remembered for the next page and for
  // rotation. `after`: the id of an answer, whose items and those of the pages before it are left out; kNotFound when it
  // is older than half an hour, another user's, or of before a restart.
  // `regroup`: puts the items in the order in which they are shown, before they are kept. `end`: as
  // Generation::Recommend.
  using Regroup = std::function<void(std::vector<Recommendation>* items)>;
  Result<Slate> Recommend(const Generation& generation, Request request,
                          std::string_view after = "", const Regroup& regroup = {},
                          std::optional<StageClock::TimePoint> end = std::nullopt) const;
  // On the current generation.
  Result<Slate> Recommend(Request request) const;
  // What was answered under this id; kNotFound when there was none, or it is not kept any more.
  Result<SlateRecord> Served(std::string_view request) const;
  // What was served, and clicks and watches of it, by scenario and source, since the start.
  std::vector<Attributed> attribution() const;
  void Flush();  // what was served is in the store when it returns
  Result<features::UserState> State(std::string_view user) const;

 private:
  struct Rep;
  explicit Service(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_SERVICE_H_
