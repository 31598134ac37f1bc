#include "serving/service.h"

#include <atomic>
#include <mutex>
#include <numeric>
#include <optional>
#include <random>
#include <shared_mutex>
#include <utility>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/rng.h"
#include "base/time_text.h"
#include "base/versioned_root.h"
#include "log/event_log.h"
#include "serving/served_slates.h"
#include "serving/watch_progress.h"
#include "store/name_quota.h"

namespace upnext::serving {

struct Service::Rep {
  const std::shared_ptr<store::Store> store;
  const base::Clock& clock;
  const int64_t max_ahead_ms, max_behind_ms;
  mutable base::Mutex mutex;
  std::shared_ptr<const Generation> generation UPNEXT_GUARDED_BY(mutex);
  TakeUps take_ups UPNEXT_GUARDED_BY(mutex);
  // Events are written under `posting`, shared, and the generation is replaced under it, alone:
  // states that the new one folds then hold every event that was acknowledged before. `turn` is
  // taken first, so that a stream of events cannot keep a replacement waiting.
  base::Mutex turn;
  std::shared_mutex posting;
  store::NameQuota names;
  ServedSlates served;
  // Of items and users: how many changes were begun and done, and the largest number of one that was done.
  std::atomic<uint64_t> changes_begun{0}, changes_done{0}, changed_through;
  std::atomic<uint64_t> requests;
  std::atomic<uint64_t> events_applied{0}, duplicates{0}, names_refused{0};
  std::optional<WatchCloser> closer;  // the last member: it uses the others

  Rep(std::shared_ptr<store::Store> s, const base::Clock& c, const GenerationOptions& options,
      std::shared_ptr<const Generation> first)
      : store(std::move(s)),
        clock(c),
        max_ahead_ms(options.max_ahead_ms),
        max_behind_ms(options.max_behind_ms),
        generation(std::move(first)),
        names(options.max_new_names_per_client),
        served(store, clock, options.slate_memory_bytes, options.engine.slates),
        changed_through(store->last_sequence()),
        requests((uint64_t{std::random_device()()} << 32) | std::random_device()()) {
    take_ups.since_ms = clock.NowMs();
    closer.emplace(*store, clock, [this](std::span<const schema::RawEvent> closed) {
      std::shared_ptr<const Generation> current;
      {
        base::MutexLock lock(mutex);
        current = generation;
      }
      current->CountLive(closed);
      std::vector<size_t> all(closed.size());
      std::iota(all.begin(), all.end(), size_t{0});
      served.CountEvents(current->schema(), closed, all);
    });
  }
  // For the length of a change that the current generation takes.
  std::shared_lock<std::shared_mutex> Post() {
    base::MutexLock in_turn(turn);
    return std::shared_lock(posting);
  }
  // Of an answer: all are different, and those of other servers, and of this one before it was started, too.
  uint64_t NewId() {
    uint64_t state = requests++;
    return base::SplitMix64(state);
  }
  // Whether a client may add a name, for each name.
  auto MayAdd(std::string_view client, int64_t now) {
    return [this, client, now] {
      const bool may = names.Take(client, now);
      if (!may) ++names_refused;
      return may;
    };
  }
  // A time that is plausible for the event `i` of a batch. A late one would be what counts as now,
  // and an import would leave an early one out.
  Status CheckTime(size_t i, int64_t time_ms, int64_t now, const log::LogStats& log) const {
    if (time_ms > now && time_ms - now > max_ahead_ms) {
      return InvalidArgument(
          "events[{}]: time: expected at most {} s after the server's clock, which is at {}, found "
          "{}; leave the time out for an event that happens now",
          i, max_ahead_ms / 1000, base::FormatTime(now), base::FormatTime(time_ms));
    }
    if (log.events > 0 && time_ms < log.first_ms && log.first_ms - time_ms > max_behind_ms) {
      return InvalidArgument(
          "events[{}]: time: expected at most {} days before the log's first event, which is at {}, "
          "found {}; times are seconds since 1970, and [import] max_days_behind sets the limit",
          i, max_behind_ms / base::kDayMs, base::FormatTime(log.first_ms),
          base::FormatTime(time_ms));
    }
    return Ok();
  }
};

Service::Service(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
Service::~Service() = default;

Result<std::unique_ptr<Service>> Service::Start(const ServiceOptions& options,
                                                std::shared_ptr<store::Store> store) {
  UPNEXT_ASSIGN_OR_RETURN(
      bundle::OpenedBundle opened,
      bundle::OpenCurrent(base::VersionedRoot(options.bundle_root),
                          base::VersionedRoot(options.log_root), options.generation.signals,
                          bundle::LogChoice::kNewest));
  return Start(std::move(opened), options.generation, std::move(store));
}

Result<std::unique_ptr<Service>> Service::Start(bundle::OpenedBundle opened,
                                                const GenerationOptions& options,
                                                std::shared_ptr<store::Store> store) {
  // Names that are not used any more would leave no room for new ones.
  UPNEXT_RETURN_IF_ERROR(
      store->DropNamesAbove(options.max_new_names / 2, opened.log.content_digest()));
  UPNEXT_ASSIGN_OR_RETURN(auto generation, Generation::Make(std::move(opened), options, store));
  UPNEXT_RETURN_IF_ERROR(generation->states().DropOthers());
  const base::Clock* const clock = options.clock;
  return std::unique_ptr<Service>(new Service(
      std::make_unique<Rep>(std::move(store), clock != nullptr ? *clock : base::SystemClock(),
                            options, std::move(generation))));
}

std::shared_ptr<const Generation> Service::generation() const {
  base::MutexLock lock(rep_->mutex);
  return rep_->generation;
}

Status Service::Replace(std::shared_ptr<const Generation> generation) {
  base::MutexLock turn(rep_->turn);
  const std::unique_lock posting(rep_->posting);
  UPNEXT_RETURN_IF_ERROR(generation->CatchUp());
  base::MutexLock lock(rep_->mutex);
  rep_->take_ups.since_ms = rep_->clock.NowMs();
  ++rep_->take_ups.done;
  rep_->generation.swap(
      generation);  // the old one, if this was its last user, ends after the locks
  return Ok();
}

void Service::ReportFailure(std::string_view why) {
  base::MutexLock lock(rep_->mutex);
  rep_->take_ups.failure = why;
  ++rep_->take_ups.failed;
}

void Service::ReportUpToDate(std::string_view note) {
  base::MutexLock lock(rep_->mutex);
  rep_->take_ups.failure.clear();
  rep_->take_ups.note = note;
}

Result<Posted> Service::PostEvents(std::vector<schema::RawEvent> events,
                                   std::span<const std::string> ids, std::string_view client) {
  const int64_t now = rep_->clock.NowMs();
  const std::shared_ptr<const Generation> at_arrival = generation();
  const log::LogStats& log = at_arrival->catalogue().log().stats();
  std::vector<std::string> new_ids(ids.begin(), ids.end());
  UPNEXT_RETURN_IF_ERROR(ResolveProgress(at_arrival->catalogue(), ids, events));
  for (size_t i = 0; i < events.size(); ++i) {
    int64_t& time_ms = events[i].time_ms;
    if (time_ms == schema::kNoTime) time_ms = now;
    UPNEXT_RETURN_IF_ERROR(rep_->CheckTime(i, time_ms, now, log));
  }
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t logged,
                          rep_->served.TakeOutLogged(at_arrival->schema(), &events, &new_ids));
  const std::shared_lock<std::shared_mutex> posting = rep_->Post();
  const std::shared_ptr<const Generation> current = generation();
  UPNEXT_ASSIGN_OR_RETURN(const store::Applied applied,
                          current->states().Apply(events, new_ids, rep_->MayAdd(client, now)));
  current->CountLive(events);
  rep_->served.CountEvents(current->schema(), events, applied.places);
  rep_->events_applied += applied.accepted;
  rep_->duplicates += applied.duplicates + logged;
  return Posted{.accepted = applied.accepted,
                .duplicates = applied.duplicates + logged,
                .bundle_version = current->bundle_version(),
                .log_version = current->log_version()};
}

Result<Changed> Service::Change(schema::Entity entity, std::span<const store::EntityChange> changes,
                                std::string_view client) {
  const std::shared_lock<std::shared_mutex> posting = rep_->Post();
  const std::shared_ptr<const Generation> current = generation();
  ++rep_->changes_begun;
  const Result<store::PostedRecords::Done> done =
      current->Change(entity, changes, rep_->MayAdd(client, rep_->clock.NowMs()));
  if (done) {
    uint64_t before = rep_->changed_through;
    while (before < done->through &&
           !rep_->changed_through.compare_exchange_weak(before, done->through)) {
    }
  }
  ++rep_->changes_done;
  if (!done) return std::unexpected(done.error());
  return Changed{.changed = done->changed,
                 .bundle_version = current->bundle_version(),
                 .log_version = current->log_version()};
}

Status Service::Forget(std::string_view user) {
  const Status done = generation()->states().Forget(user);
  // Also after an error, which may be one of taking from the files what is gone already.
  rep_->served.Forget(user);
  const std::shared_lock<std::shared_mutex> posting = rep_->Post();
  generation()->Forget(user);
  return done;
}

Result<Changed> Service::Merge(std::string_view session, std::string_view user) {
  Flush();  // so that what the session was served is moved too
  const std::shared_lock<std::shared_mutex> posting = rep_->Post();
  const std::shared_ptr<const Generation> current = generation();
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t events, current->states().Merge(session, user));
  rep_->served.Move(session, user);
  current->Forget(session);
  return Changed{.changed = events,
                 .bundle_version = current->bundle_version(),
                 .log_version = current->log_version()};
}

ServiceStatus Service::status() const {
  std::shared_ptr<const Generation> current;
  TakeUps take_ups;
  {
    base::MutexLock lock(rep_->mutex);
    current = rep_->generation;
    take_ups = rep_->take_ups;
  }
  return {.bundle_version = current->bundle_version(),
          .log_version = current->log_version(),
          .take_ups = std::move(take_ups),
          .items = current->catalogue().present(schema::Entity::kItem),
          .users = current->catalogue().present(schema::Entity::kUser),
          .events_applied = rep_->events_applied,
          .duplicates = rep_->duplicates,
          .names_refused = rep_->names_refused,
          .store = rep_->store->health(),
          .store_bytes = rep_->store->memory_bytes(),
          .shown_bytes = rep_->served.memory_bytes(),
          .slates = rep_->served.log().counts()};
}

Result<Slate> Service::Recommend(const Generation& generation, Request request,
                                 std::string_view after, const Regroup& regroup,
                                 std::optional<StageClock::TimePoint> end) const {
  const uint64_t since = rep_->store->last_sequence();
  if (request.time_ms == 0) request.time_ms = rep_->clock.NowMs();
  request.explores = true;
  if (!request.id) request.id = rep_->NewId();
  if (!after.empty()) {
    UPNEXT_ASSIGN_OR_RETURN(const auto pages, rep_->served.Pages(generation.schema(), after,
                                                                 request.user, request.time_ms));
    if (!pages) {
      return NotFound(
          "after: no answer '{}' to this user is known, or it is older than {} minutes; "
          "ask for the first page again",
          after, SlateMemory::kPageMs / 60'000);
    }
    request.exclude.insert(request.exclude.end(), pages->begin(), pages->end());
    request.places_before = static_cast<uint32_t>(pages->size());
  }
  if (generation.engine().Rotates(request)) {
    UPNEXT_ASSIGN_OR_RETURN(
        request.shown, rep_->served.ShownTo(generation.schema(), request.user, request.time_ms));
  }
  const uint64_t begun = rep_->changes_begun, done = rep_->changes_done;
  const uint64_t items = rep_->changed_through;
  UPNEXT_ASSIGN_OR_RETURN(Slate slate, generation.Recommend(request, end));
  slate.basis.items = items;
  if (regroup) regroup(&slate.items);
  slate.basis.mixed = regroup != nullptr || begun != done || begun != rep_->changes_begun ||
                      !slate.degraded.empty();
  rep_->served.Keep(generation.catalogue(),
                    {.id = slate.request,
                     .request = std::move(request),
                     .after = std::string(after),
                     .bundle_version = slate.bundle_version,
                     .log_version = slate.log_version,
                     .basis = slate.basis,
                     .items = slate.items},
                    since);
  return slate;
}

Result<Slate> Service::Recommend(Request request) const {
  return Recommend(*generation(), std::move(request));
}

Result<SlateRecord> Service::Served(std::string_view request) const {
  rep_->served.log().Flush();
  UPNEXT_ASSIGN_OR_RETURN(auto record, rep_->served.log().Find(generation()->schema(), request));
  if (record) return *std::move(record);
  return NotFound(
      "no answer '{}' is kept: there was none, or it is older than [serving] keep_slates_days, or "
      "its user was forgotten",
      request);
}

std::vector<Attributed> Service::attribution() const { return rep_->served.attribution(); }

void Service::Flush() { rep_->served.log().Flush(); }

Result<features::UserState> Service::State(std::string_view user) const {
  UPNEXT_ASSIGN_OR_RETURN(const store::UserStates::StatePtr state,
                          generation()->states().Get(user));
  return *state;
}

}  // namespace upnext::serving
