#include "store/user_states.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/checksum.h"
#include "base/mutex.h"
#include "catalogue/request_attributes.h"
#include "log/duplicates.h"
#include "log/event_log.h"
#include "store/numbering.h"
#include "store/state_cache.h"
#include "store/state_saver.h"
#include "store/user_history.h"

namespace upnext::store {

using catalogue::Catalogue;
using features::UserState;
using schema::IdSpace;
using schema::RawEvent;

namespace {

constexpr size_t kStripes = 1024;
// A state is saved when this many events have been folded into it, which bounds the next fold that
// begins with the saved one.
constexpr uint64_t kSaveEvery = 512;

// Calls visit(space, name) for every id of an event that may be new. Users are not numbered.
template <typename F>
void VisitNames(const schema::Schema& schema, const RawEvent& event, F&& visit) {
  const auto name = [&](IdSpace space, const std::string& text) {
    if (!text.empty()) visit(space, std::string_view(text));
  };
  name(IdSpace::kItem, event.item);
  name(IdSpace::kQuery, event.query);
  name(IdSpace::kSource, event.source);
  name(IdSpace::kDevice, event.device);
  name(IdSpace::kRegion, event.region);
  name(IdSpace::kItem, event.current_item);
  for (const auto& [number, text] : event.attributes) {
    const schema::Attribute& attribute = schema.attributes(schema::Entity::kRequest)[number];
    if (attribute.kind == schema::Kind::kCategory) name(attribute.space, text);
  }
}

// Applies stored events of one user to his state, without those that the log has from elsewhere.
class PostedFold {
 public:
  PostedFold(const Catalogue& catalogue, const features::PositiveRule& rule, std::string_view user)
      : catalogue_(catalogue),
        rule_(rule),
        user_(catalogue.log().dictionary(IdSpace::kUser).Find(user)),
        in_log_(&catalogue.log(), catalogue.log().same_event_ms(), /*posted=*/true) {}

  void Apply(const RawEvent& raw, UserState* state) {
    const schema::Event event = Resolve(raw, catalogue_);
    if (event.item == schema::kNone && !raw.item.empty()) return;  // see UserStates::Apply
    const auto declared = catalogue::RequestAttributes(catalogue_, raw.attributes);
    if (user_ != schema::kNone && in_log_.Has(user_, event, declared)) return;
    state->Apply(event, catalogue_, rule_, declared);
  }

 private:
  const Catalogue& catalogue_;
  const features::PositiveRule& rule_;
  const uint32_t user_;
  log::DuplicateFilter in_log_;
};

// What a state depends on next to the stored events: the log, its events and its numbers, what
// is positive or of the history, and what is kept.
uint64_t StateTag(const log::EventLog& log, const features::PositiveRule& rule,
                  const features::StateSpec& keeps) {
  return base::Fingerprint(fmt::format("{} {:x}", rule.ToText(log.schema()), keeps.digest()),
                           log.content_digest());
}

}  // namespace

struct UserStates::Rep {
  Store* const store;
  Catalogue& catalogue;
  const features::PositiveRule rule;
  const features::StateSpec keeps;
  const Numbering numbering;
  const uint64_t tag;
  mutable StateCache cache;
  mutable std::array<base::Mutex, kStripes> folding;  // by user
  mutable std::atomic<uint64_t> added_by_folds{0}, added_by_counts{0};
  std::optional<StateSaver> saver;  // the last member: it ends before the others

  Rep(Store* s, Catalogue& c, const features::PositiveRule& r, const features::StateSpec& k,
      size_t cache_bytes, uint64_t max_names)
      : store(s),
        catalogue(c),
        rule(r),
        keeps(k),
        numbering(NumberingOf(c.log(), max_names)),
        tag(StateTag(c.log(), r, k)),
        cache(cache_bytes) {
    if (store != nullptr) saver.emplace(*store, tag);
  }

  Status Number(std::span<const RawEvent> events, const MayAdd& may_add) const;
  // For names of stored events: `added` have been, `most` may be.
  Status NumberStored(const RawEvent& event, std::atomic<uint64_t>* added, uint64_t most) const {
    return Number(std::span(&event, 1), [&] { return added->fetch_add(1) < most; });
  }
  uint64_t ChangesOf(std::string_view user) const {
    return store == nullptr ? 0 : store->Changes(user);
  }
  // The state that is in memory, if no event came since.
  std::optional<StateCache::Entry> FindCurrent(std::string_view user) const;
  // What the log says about this store.
  log::PostedMark MarkOf(const log::EventLog& log) const {
    return store != nullptr && log.posted().store == store->id() ? log.posted() : log::PostedMark{};
  }
  Result<uint64_t> ForgottenAt(std::string_view user) const {
    return store == nullptr ? 0 : store->ForgottenAt(user);
  }
  Result<uint64_t> MergedAt(std::string_view user) const {
    return store == nullptr ? 0 : store->MergedAt(user);
  }
  // Stored events of the user after `after` up to `through`, in order of time.
  Result<std::vector<RawEvent>> InOrderOfTime(std::string_view user, uint64_t after,
                                              uint64_t through) const;
  // These need the lock of the user.
  Result<StateCache::Entry> Begin(std::string_view user) const;
  Status FoldPosted(std::string_view user, StateCache::Entry* entry) const;
  // With the watches of the user that go on.
  Result<StatePtr> WithOpen(std::string_view user, const StateCache::Entry& entry,
                            Basis* basis) const;
};

// Lets the store number the names that the catalogue does not have, as far as they may be added.
Status UserStates::Rep::Number(std::span<const RawEvent> events, const MayAdd& may_add) const {
  std::map<IdSpace, std::vector<std::string_view>> fresh;  // in order of their first mention
  std::set<std::pair<IdSpace, std::string_view>> seen;
  for (const RawEvent& event : events) {
    VisitNames(catalogue.schema(), event, [&](IdSpace space, std::string_view name) {
      if (catalogue.Find(space, name) == schema::kNone && seen.emplace(space, name).second &&
          may_add()) {
        fresh[space].push_back(name);
      }
    });
  }
  for (const auto& [space, names] : fresh) {
    UPNEXT_ASSIGN_OR_RETURN(const std::vector<uint32_t> ids,
                            store->Intern(numbering, space, names));
    for (size_t i = 0; i < names.size(); ++i) catalogue.Add(space, names[i], ids[i]);
  }
  return Ok();
}

std::optional<StateCache::Entry> UserStates::Rep::FindCurrent(std::string_view user) const {
  const uint64_t changes = ChangesOf(user);
  std::optional<StateCache::Entry> cached = cache.Find(user);
  if (cached && cached->changes != changes) cached.reset();
  return cached;
}

// The saved state, else that of the log.
Result<StateCache::Entry> UserStates::Rep::Begin(std::string_view user) const {
  StateCache::Entry entry;
  std::optional<SavedState> saved;
  if (store != nullptr) {
    UPNEXT_ASSIGN_OR_RETURN(saved, store->State(tag, user));
  }
  // A saved state that cannot be read, of an older version say, is only a fold that is not spared.
  Result<UserState> parsed =
      saved ? UserState::Parse(saved->bytes, keeps) : NotFound("no saved state");
  if (parsed) {
    entry.state = std::make_shared<UserState>(*std::move(parsed));
    entry.through = saved->through;
    return entry;
  }
  entry.state = std::make_shared<UserState>(keeps);
  const log::EventLog& log = catalogue.log();
  const log::PostedMark mark = MarkOf(log);
  entry.through = mark.through;
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t forgotten, ForgottenAt(user));
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t merged, MergedAt(user));
  std::vector<RawEvent> posted;
  if (merged > mark.through) {
    UPNEXT_ASSIGN_OR_RETURN(posted, InOrderOfTime(user, mark.through, merged));
    entry.through = merged;
  }
  PostedFold fold(catalogue, rule, user);
  size_t next = 0;
  const auto apply_before = [&](int64_t time_ms) {
    for (; next < posted.size() && posted[next].time_ms < time_ms; ++next) {
      fold.Apply(posted[next], entry.state.get());
    }
  };
  const uint32_t id = log.dictionary(IdSpace::kUser).Find(user);
  if (id != schema::kNone && forgotten <= mark.forgotten) {
    for (uint64_t row = log.begin(id); row < log.end(id); ++row) {
      if (!posted.empty()) apply_before(log.time_ms(row));
      entry.state->ApplyRow(row, catalogue, rule);
    }
    entry.unsaved = log.end(id) - log.begin(id);
  }
  apply_before(std::numeric_limits<int64_t>::max());
  entry.unsaved += posted.size();
  return entry;
}

Result<std::vector<RawEvent>> UserStates::Rep::InOrderOfTime(std::string_view user, uint64_t after,
                                                             uint64_t through) const {
  std::vector<RawEvent> events;
  UPNEXT_RETURN_IF_ERROR(
      store->EventsOf(user, after, [&](uint64_t sequence, const RawEvent& event) -> Status {
        if (sequence > through) return Ok();
        events.push_back(event);
        return NumberStored(event, &added_by_folds, numbering.most / 4);
      }));
  std::ranges::stable_sort(events, {}, &RawEvent::time_ms);
  return events;
}

// Folds the stored events that the state does not have. In place when nobody else has it, since a
// copy of a long history costs more than all else.
Status UserStates::Rep::FoldPosted(std::string_view user, StateCache::Entry* entry) const {
  std::optional<PostedFold> fold;
  return store->EventsOf(
      user, entry->through, [&](uint64_t sequence, const RawEvent& event) -> Status {
        UPNEXT_RETURN_IF_ERROR(NumberStored(event, &added_by_folds, numbering.most / 4));
        if (!fold) {
          fold.emplace(catalogue, rule, user);
          cache.Remove(user);  // nobody can get it from here on
          if (entry->state.use_count() > 1) {
            entry->state = std::make_shared<UserState>(*entry->state);
          } else {
            // One more reference, dropped at once: orders the changes after the last read of those
            // who had one, which use_count() alone does not.
            std::shared_ptr<UserState>(entry->state).reset();
          }
        }
        fold->Apply(event, entry->state.get());
        entry->through = sequence;
        ++entry->unsaved;
        return Ok();
      });
}

Result<std::unique_ptr<UserStates>> UserStates::Attach(Store* store, Catalogue& catalogue,
                                                       const features::PositiveRule& rule,
                                                       const features::StateSpec& keeps,
                                                       size_t cache_bytes, uint64_t max_names) {
  auto rep = std::make_unique<Rep>(store, catalogue, rule, keeps, cache_bytes, max_names);
  if (store != nullptr) {
    // A log of later than the store, which was restored from a copy: new events are new to it too.
    if (const uint64_t through = rep->MarkOf(catalogue.log()).through;
        through > store->last_sequence()) {
      UPNEXT_RETURN_IF_ERROR(store->ContinueAfter(through));
    }
    UPNEXT_RETURN_IF_ERROR(
        store->Names(rep->numbering, [&](IdSpace space, std::string_view name, uint32_t id) {
          catalogue.Add(space, name, id);
        }));
  }
  return std::unique_ptr<UserStates>(new UserStates(std::move(rep)));
}

UserStates::UserStates(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
UserStates::~UserStates() = default;

// A copy, since what is said of a watch that goes on is taken back by what is said next.
Result<UserStates::StatePtr> UserStates::Rep::WithOpen(std::string_view user,
                                                       const StateCache::Entry& entry,
                                                       Basis* basis) const {
  if (basis != nullptr) basis->through = entry.through;
  if (store == nullptr) return entry.state;
  std::optional<PostedFold> fold;
  std::shared_ptr<UserState> with;
  const Status visited = store->OpenWatchesOf(user, [&](const RawEvent& event) -> Status {
    UPNEXT_RETURN_IF_ERROR(NumberStored(event, &added_by_folds, numbering.most / 4));
    if (!fold) {
      fold.emplace(catalogue, rule, user);
      with = std::make_shared<UserState>(*entry.state);
    }
    fold->Apply(event, with.get());
    if (basis != nullptr) basis->open.push_back(event);
    return Ok();
  });
  UPNEXT_RETURN_IF_ERROR(visited);
  if (with != nullptr) return with;
  return entry.state;
}

Result<UserStates::StatePtr> UserStates::Get(std::string_view user, Basis* basis) const {
  const auto answer = [&](const StateCache::Entry& entry) {
    return rep_->WithOpen(user, entry, basis);
  };
  if (auto current = rep_->FindCurrent(user)) return answer(*current);
  // Locked, so that an older state cannot replace a newer one in the cache.
  base::MutexLock lock(rep_->folding[base::Fingerprint(user) % kStripes]);
  const uint64_t changes = rep_->ChangesOf(user);  // an event that comes from here on changes it
  std::optional<StateCache::Entry> cached = rep_->cache.Find(user);
  if (cached && cached->changes == changes) return answer(*cached);
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t forgotten, rep_->ForgottenAt(user));
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t merged, rep_->MergedAt(user));
  if (!cached || cached->through < std::max(forgotten, merged)) {
    UPNEXT_ASSIGN_OR_RETURN(cached, rep_->Begin(user));
  }
  StateCache::Entry entry = *std::move(cached);
  if (rep_->store != nullptr) {
    UPNEXT_RETURN_IF_ERROR(rep_->FoldPosted(user, &entry));
    if (entry.unsaved >= kSaveEvery && rep_->saver->Save(user, entry.state, entry.through)) {
      entry.unsaved = 0;
    }
  }
  entry.changes = changes;
  const StateCache::Entry made = entry;
  if (made.state->totals().events > 0) rep_->cache.Put(user, std::move(entry));
  return answer(made);
}

Result<Applied> UserStates::Apply(std::span<const RawEvent> events,
                                  std::span<const std::string> ids, const MayAdd& may_add) {
  if (rep_->store == nullptr) {
    return FailedPrecondition("these user states have no store: events cannot be kept");
  }
  if (!ids.empty() && ids.size() != events.size()) {
    return InvalidArgument("expected no ids or one for each of {} events, found {}", events.size(),
                           ids.size());
  }
  UPNEXT_RETURN_IF_ERROR(rep_->Number(events, may_add));
  WriteBatch batch;
  for (size_t i = 0; i < events.size(); ++i) {
    batch.events.push_back(
        {&events[i], ids.empty() ? std::string_view() : ids[i], events[i].progress});
  }
  UPNEXT_ASSIGN_OR_RETURN(Committed done, rep_->store->Commit(batch));
  const uint64_t accepted = done.accepted.size();
  return Applied{.accepted = accepted,
                 .duplicates = events.size() - accepted,
                 .places = std::move(done.accepted)};
}

Status UserStates::GiveIds(const RawEvent& event) const {
  return rep_->store == nullptr
             ? Ok()
             : rep_->NumberStored(event, &rep_->added_by_counts, rep_->numbering.most / 20);
}

Status UserStates::Forget(std::string_view user) {
  if (rep_->store == nullptr) return FailedPrecondition("these user states have no store");
  std::vector<std::string> words;
  const Status done = rep_->store->Forget(user, &words);  // a state of before is not used any more
  for (const std::string& text : words) rep_->catalogue.Remove(IdSpace::kQuery, text);
  return done;
}

Result<std::vector<RawEvent>> UserStates::History(std::string_view user) const {
  return HistoryOf(rep_->catalogue, rep_->store, user);
}

Result<uint64_t> UserStates::Merge(std::string_view from, std::string_view to) {
  if (rep_->store == nullptr) return FailedPrecondition("these user states have no store");
  if (from == to) return InvalidArgument("merge: expected two users, found '{}' twice", from);
  const log::EventLog& log = rep_->catalogue.log();
  const log::PostedMark mark = rep_->MarkOf(log);
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t forgotten, rep_->ForgottenAt(from));
  const uint32_t id = log.dictionary(IdSpace::kUser).Find(from);
  if (id == schema::kNone || forgotten > mark.forgotten) return rep_->store->Merge(from, to);
  for (uint64_t row = log.begin(id); row < log.end(id); ++row) {
    if (log.event(row).posted && mark.store != 0) continue;
    return InvalidArgument(
        "the log has events of '{}' from files; give them to '{}' there and import them again",
        from, to);
  }
  return rep_->store->Merge(from, to);
}

size_t UserStates::cached_bytes() const { return rep_->cache.bytes(); }

Status UserStates::DropOthers() { return rep_->store->DropOthers(rep_->numbering.log, rep_->tag); }

}  // namespace upnext::store
