#include "serving/generation.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "catalogue/entity_attributes.h"
#include "log/event_log.h"
#include "serving/live_events.h"
#include "serving/similar_for_user.h"

namespace upnext::serving {

namespace {

// The id that a cursor stands for: NAME, or NAME~ID. A name may look like the second, and a log that was imported again may
// have another id for the name, so names count first. kNone for what is neither.
uint32_t PlaceOfCursor(const catalogue::Catalogue& catalogue, schema::IdSpace space,
                       std::string_view cursor) {
  uint32_t id = schema::kNone;
  const size_t mark = std::min(cursor.rfind('~'), cursor.size());
  const std::string_view digits = cursor.substr(std::min(mark + 1, cursor.size()));
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  if (const uint32_t whole = catalogue.Find(space, cursor); whole != schema::kNone) return whole;
  const bool has_id =
      error == std::errc() && end == digits.data() + digits.size() && id < catalogue.size(space);
  if (!has_id) return schema::kNone;
  const uint32_t named = catalogue.Find(space, cursor.substr(0, mark));
  return named != schema::kNone ? named : id;
}

}  // namespace

void Generation::Growing::Count(const schema::RawEvent& event) const {
  CountPosted(event, *catalogue, rule, live.get());
}

Generation::Generation(std::unique_ptr<const bundle::Bundle> bundle, std::string log_version,
                       const GenerationOptions& options, std::shared_ptr<store::Store> store,
                       std::shared_ptr<const Growing> growing, std::shared_ptr<Missed> missed)
    : clock_(options.clock != nullptr ? *options.clock : base::SystemClock()),
      log_version_(std::move(log_version)),
      store_(std::move(store)),
      growing_(std::move(growing)),
      missed_(std::move(missed)),
      digest_(options.engine.digest),
      bundle_(std::move(bundle)),
      engine_(*bundle_, *growing_->catalogue, options.engine, {}, growing_->live.get()) {}

Result<std::shared_ptr<const Generation::Growing>> Generation::Grow(
    bundle::OpenedBundle* opened, const GenerationOptions& options, store::Store* store,
    const Generation* previous) {
  const features::LiveOptions live =
      options.engine.live.OrHalfLife(opened->bundle->manifest().order.HalfLifeHours());
  auto growing = std::make_shared<Growing>();
  growing->rule = opened->rule;
  if (previous != nullptr &&
      previous->catalogue().log().content_digest() == opened->log.content_digest() &&
      previous->bundle().tables().plan.state().Equals(opened->bundle->tables().plan.state()) &&
      previous->growing_->rule == opened->rule) {
    if (previous->growing_->live->options() == live) return previous->growing_;
    growing->catalogue = previous->growing_->catalogue;
    growing->states = previous->growing_->states;
    growing->records = previous->growing_->records;
  } else {
    growing->catalogue = std::make_shared<catalogue::Catalogue>(std::move(opened->log));
    UPNEXT_ASSIGN_OR_RETURN(growing->states, store::UserStates::Attach(
                                                 store, *growing->catalogue, opened->rule,
                                                 opened->bundle->tables().plan.state(),
                                                 options.state_cache_bytes, options.max_new_names));
    if (store != nullptr) {
      UPNEXT_ASSIGN_OR_RETURN(growing->records, store::PostedRecords::Attach(
                                                    *store, *growing->catalogue,
                                                    options.max_new_names, options.records_bytes));
    }
  }
  growing->live = std::make_shared<features::LiveCounts>(live);
  if (previous != nullptr) {
    // From here on what is posted is counted by both, or found in the store below, or both.
    base::MutexLock lock(previous->next_mutex_);
    previous->next_ = growing;
  }
  UPNEXT_RETURN_IF_ERROR(CountAll(*growing->catalogue, opened->rule, store, growing->states.get(),
                                  growing->live.get()));
  return growing;
}

Result<std::shared_ptr<const Generation>> Generation::Make(bundle::OpenedBundle opened,
                                                           const GenerationOptions& options,
                                                           std::shared_ptr<store::Store> store,
                                                           const Generation* previous) {
  UPNEXT_RETURN_IF_ERROR(log::CheckSchema(opened.log, options.schema));
  std::string log_version = opened.log.directory().filename().string();
  auto missed = std::make_shared<Missed>();
  if (previous != nullptr) {  // before the store is read
    base::MutexLock lock(previous->next_mutex_);
    previous->missed_by_next_ = missed;
  }
  UPNEXT_ASSIGN_OR_RETURN(std::shared_ptr<const Growing> growing,
                          Grow(&opened, options, store.get(), previous));
  return std::shared_ptr<const Generation>(
      new Generation(std::move(opened.bundle), std::move(log_version), options, std::move(store),
                     std::move(growing), std::move(missed)));
}

void Generation::CountLive(std::span<const schema::RawEvent> events) const {
  std::shared_ptr<const Growing> next;
  {
    base::MutexLock lock(next_mutex_);
    next = next_.lock();
  }
  for (const schema::RawEvent& event : events) {
    growing_->Count(event);
    // A name that cannot be given an id there is passed over.
    if (next != nullptr && next->states->GiveIds(event)) next->Count(event);
  }
}

Result<Slate> Generation::Recommend(Request request,
                                    std::optional<StageClock::TimePoint> end) const {
  if (request.time_ms == 0) request.time_ms = clock_.NowMs();
  StageClock clock = engine_.StartClock();
  clock.SetEnd(end);
  store::UserStates::Basis basis;
  Result<store::UserStates::StatePtr> state = states().Get(request.user, &basis);
  if (!state) {  // of reading the store; a feed for anybody is better than none
    clock.Degrade(
        kState,
        fmt::format(
            "the events of the user could not be read, so the list is that of an unknown user and "
            "may have what was watched: {}",
            state.error().message));
    state = std::make_shared<const features::UserState>(bundle_->tables().plan.state());
  }
  clock.End(kState, 0, (*state)->totals().events);
  const std::shared_ptr<const features::LiveLists> live = growing_->live->lists();
  UPNEXT_ASSIGN_OR_RETURN(Slate slate,
                          engine_.Recommend(*std::move(state), request, std::move(clock), live));
  slate.bundle_version = bundle_version();
  slate.log_version = log_version_;
  slate.basis = {.state = basis.through,
                 .options = digest_,
                 .live = LiveOf(*live, slate.counts.live),
                 .open = std::move(basis.open)};
  return slate;
}

// Where the lists have something of which nothing was proposed, their first item stands for them: nothing is proposed
// of that again, and that there are lists is seen.
std::vector<LiveProposal> Generation::LiveOf(const features::LiveLists& lists,
                                             std::span<const retrieval::Candidate> proposed) const {
  std::vector<retrieval::Candidate> first;
  if (proposed.empty() && !lists.overall.empty()) {
    proposed = std::span(&first.emplace_back(retrieval::Candidate{lists.overall.front().item,
                                                                  lists.overall.front().score}),
                         1);
  }
  const uint32_t logged = catalogue().log().dictionary(schema::IdSpace::kItem).size();
  std::vector<LiveProposal> live;
  if (lists.overall.empty()) return live;
  for (const retrieval::Candidate& one : proposed) {
    live.push_back({.item = one.item, .score = one.score});
    if (one.item >= logged) live.back().name = catalogue().Name(schema::IdSpace::kItem, one.item);
  }
  return live;
}

Result<std::vector<Recommendation>> Generation::Similar(SimilarRequest request) const {
  if (request.time_ms == 0) request.time_ms = clock_.NowMs();
  if (request.user.empty()) return engine_.Similar(request);
  const uint32_t n = request.n;
  request.n = AlikeToOrder(n);
  UPNEXT_ASSIGN_OR_RETURN(std::vector<Recommendation> alike, engine_.Similar(request));
  if (alike.empty()) return alike;
  Request order{.user = request.user,
                .n = static_cast<uint32_t>(alike.size()),
                .current_item = request.item,
                .time_ms = request.time_ms,
                .filter = request.filter,
                .parameters = request.parameters};
  for (const Recommendation& one : alike) order.items.push_back(one.id);
  UPNEXT_ASSIGN_OR_RETURN(const Slate slate, Recommend(std::move(order)));
  return PullTowards(std::move(alike), slate.items, request.pull, n);
}

Result<schema::RawAttributes> Generation::Attributes(schema::Entity entity,
                                                     std::string_view name) const {
  UPNEXT_ASSIGN_OR_RETURN(const uint32_t id, catalogue::FindEntity(catalogue(), entity, name));
  return catalogue::AttributesOf(catalogue(), entity, id);
}

Result<std::vector<schema::RawEntity>> Generation::Rows(schema::Entity entity,
                                                        std::string_view after, uint32_t n,
                                                        std::string* next) const {
  const schema::IdSpace space =
      entity == schema::Entity::kItem ? schema::IdSpace::kItem : schema::IdSpace::kUser;
  uint32_t id = 0;
  if (!after.empty()) {
    const uint32_t last = PlaceOfCursor(catalogue(), space, after);
    if (last == schema::kNone) {
      return InvalidArgument("after: expected one of the {}, or `next` of a page, found '{}'",
                             schema::EntityName(entity), after);
    }
    id = last + 1;
  }
  std::vector<schema::RawEntity> rows;
  for (const uint32_t end = catalogue().size(space); id < end && rows.size() < n; ++id) {
    if (!catalogue().IsPresent(entity, id)) continue;
    std::string name = catalogue().Name(space, id);
    if (name.empty()) continue;  // of a user who was forgotten
    rows.push_back({std::move(name), catalogue::AttributesOf(catalogue(), entity, id)});
    if (next != nullptr && rows.size() == n) {
      *next = fmt::format("{}~{}", rows.back().name, id);
      if (catalogue().Find(space, *next) != schema::kNone) *next = rows.back().name;
    }
  }
  return rows;
}

Result<store::PostedRecords::Done> Generation::Change(
    schema::Entity entity, std::span<const store::EntityChange> changes,
    const store::PostedRecords::MayAdd& may_add) const {
  if (growing_->records == nullptr) {
    return FailedPrecondition("there is no store: {} cannot be kept", schema::EntityName(entity));
  }
  store::PostedRecords::Done done;
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<uint32_t> ids,
                          growing_->records->Apply(entity, changes, may_add, &done));
  if (entity == schema::Entity::kItem) engine_.ItemsChanged(ids);
  std::vector<std::string_view> names;
  for (const store::EntityChange& change : changes) names.push_back(change.row.name);
  Miss(entity, names);
  return done;
}

void Generation::Forget(std::string_view user) const {
  if (growing_->records != nullptr) growing_->records->Forget(user);
  Miss(schema::Entity::kUser, {&user, 1});
}

void Generation::Miss(schema::Entity entity, std::span<const std::string_view> names) const {
  std::shared_ptr<Missed> missed;
  {
    base::MutexLock lock(next_mutex_);
    missed = missed_by_next_.lock();
  }
  if (missed == nullptr) return;
  base::MutexLock lock(missed->mutex);
  for (const std::string_view name : names) missed->names.emplace_back(entity, name);
}

Status Generation::CatchUp() const {
  base::MutexLock lock(missed_->mutex);
  for (const auto& [entity, name] : missed_->names) {
    UPNEXT_ASSIGN_OR_RETURN(const uint32_t id, growing_->records->Take(entity, name));
    if (entity == schema::Entity::kItem && id != schema::kNone) {
      engine_.ItemsChanged({&id, 1});
    }
  }
  missed_->names.clear();
  return Ok();
}

void Generation::Warm() const {
  const auto until = std::chrono::steady_clock::now() + kWarmTime;
  const uint32_t users = catalogue().size(schema::IdSpace::kUser);
  const uint32_t wanted = std::min(users, kWarmUsers);
  for (uint32_t i = 0; i < wanted && std::chrono::steady_clock::now() < until; ++i) {
    const auto user = static_cast<uint32_t>(uint64_t{users} * i / wanted);
    const std::string name = catalogue().Name(schema::IdSpace::kUser, user);
    if (name.empty()) continue;  // of a user who was forgotten
    // What fails here fails again when somebody asks, and is reported then.
    static_cast<void>(Recommend({.user = name}));
  }
}

schema::RawAttributes Generation::Attributes(uint32_t item,
                                             std::span<const uint32_t> numbers) const {
  schema::RawAttributes out;
  for (const uint32_t number : numbers) {
    catalogue::AppendAttribute(catalogue(), schema::Entity::kItem, item, number, &out);
  }
  return out;
}

}  // namespace upnext::serving
