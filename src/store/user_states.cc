#include "store/user_states.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <set>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/checksum.h"
#include "base/mutex.h"
#include "catalogue/request_attributes.h"
#include "log/event_log.h"
#include "store/state_cache.h"

namespace upnext::store {

using catalogue::Catalogue;
using features::UserState;
using schema::IdSpace;
using schema::RawEvent;

namespace {

constexpr size_t kStripes = 1024;
// A state is saved again after this many events, which bounds the fold at the next start.
constexpr uint32_t kSaveEvery = 64;

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

// Strings to ids, as the import does it.
schema::Event Resolve(const RawEvent& raw, const Catalogue& catalogue) {
  const auto id = [&](IdSpace space, const std::string& name) {
    return name.empty() ? schema::kNone : catalogue.Find(space, name);
  };
  return {.time_ms = raw.time_ms,
          .type = raw.type,
          .item = id(IdSpace::kItem, raw.item),
          .value = raw.value,
          .query = id(IdSpace::kQuery, raw.query),
          .request = raw.request.empty() ? 0 : base::Fingerprint(raw.request),
          .position = raw.position,
          .source = id(IdSpace::kSource, raw.source),
          .propensity = raw.propensity,
          .device = id(IdSpace::kDevice, raw.device),
          .region = id(IdSpace::kRegion, raw.region),
          .current_item = id(IdSpace::kItem, raw.current_item),
          .off_site = raw.off_site};
}

void ApplyPosted(const RawEvent& raw, const Catalogue& catalogue,
                 const features::PositiveRule& rule, UserState* state) {
  std::vector<schema::AttributeValue> declared;
  if (state->spec().reads_declared()) {
    declared = catalogue::RequestAttributes(catalogue, raw.attributes);
  }
  state->Apply(Resolve(raw, catalogue), catalogue, rule, declared);
}

// What a state depends on next to the stored events: the log, its events and its numbers, what
// is positive or of the history, and what is kept.
uint64_t StateTag(const log::EventLog& log, const features::PositiveRule& rule,
                  const features::StateSpec& keeps) {
  return base::Fingerprint(fmt::format("{} {:x}", rule.ToText(log.schema()), keeps.digest()),
                           log.content_digest());
}

Numbering NumberingOf(const log::EventLog& log) {
  Numbering numbering{.log = log.content_digest(), .first = {}};
  for (size_t space = 0; space < log.schema().id_spaces().size(); ++space) {
    numbering.first.push_back(log.dictionary(static_cast<IdSpace>(space)).size());
  }
  return numbering;
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
  mutable std::array<base::Mutex, kStripes> stripes;  // of writers, and of readers of the disk

  Rep(Store* s, Catalogue& c, const features::PositiveRule& r, const features::StateSpec& k,
      size_t cache_bytes)
      : store(s),
        catalogue(c),
        rule(r),
        keeps(k),
        numbering(NumberingOf(c.log())),
        tag(StateTag(c.log(), r, k)),
        cache(cache_bytes) {}

  static size_t StripeOf(std::string_view user) { return base::Fingerprint(user) % kStripes; }
  std::vector<std::unique_lock<base::Mutex>> Lock(std::span<const RawEvent> events) const;
  Status Number(std::span<const RawEvent> events) const;
  // These need the lock of the user's stripe.
  Result<StateCache::Entry> Load(std::string_view user) const;
  Result<StateCache::Entry> FindOrLoad(std::string_view user) const;
  void Extend(std::string_view user, StateCache::Entry entry,
              std::span<const RawEvent* const> events);
  Result<std::vector<size_t>> Fresh(std::span<const RawEvent> events,
                                    std::span<const std::string> ids) const;
};

// The stripes of a batch in ascending order, so that two batches cannot wait for each other.
std::vector<std::unique_lock<base::Mutex>> UserStates::Rep::Lock(
    std::span<const RawEvent> events) const {
  std::set<size_t> wanted;
  for (const RawEvent& event : events) wanted.insert(StripeOf(event.user));
  std::vector<std::unique_lock<base::Mutex>> locks;
  for (const size_t stripe : wanted) locks.emplace_back(stripes[stripe]);
  return locks;
}

// Lets the store number the names that the catalogue does not have.
Status UserStates::Rep::Number(std::span<const RawEvent> events) const {
  std::map<IdSpace, std::vector<std::string_view>> fresh;  // in order of their first mention
  std::set<std::pair<IdSpace, std::string_view>> seen;
  for (const RawEvent& event : events) {
    VisitNames(catalogue.schema(), event, [&](IdSpace space, std::string_view name) {
      if (catalogue.Find(space, name) == schema::kNone && seen.emplace(space, name).second) {
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

Result<StateCache::Entry> UserStates::Rep::Load(std::string_view user) const {
  auto state = std::make_shared<UserState>(keeps);
  StateCache::Entry entry;
  std::optional<SavedState> saved;
  if (store != nullptr) {
    UPNEXT_ASSIGN_OR_RETURN(saved, store->State(tag, user));
  }
  // A saved state that cannot be read, of an older version say, is only a fold that is not spared.
  Result<UserState> parsed =
      saved ? UserState::Parse(saved->bytes, keeps) : NotFound("no saved state");
  if (parsed) {
    *state = *std::move(parsed);
    entry.through = saved->through;
  } else {
    const log::EventLog& log = catalogue.log();
    const uint32_t id = log.dictionary(IdSpace::kUser).Find(user);
    for (uint64_t row = id == schema::kNone ? 0 : log.begin(id);
         id != schema::kNone && row < log.end(id); ++row) {
      state->ApplyRow(row, catalogue, rule);
    }
  }
  if (store != nullptr) {
    std::vector<RawEvent> events;
    UPNEXT_RETURN_IF_ERROR(
        store->EventsOf(user, entry.through, [&](uint64_t sequence, const RawEvent& event) {
          events.push_back(event);
          entry.through = sequence;
        }));
    UPNEXT_RETURN_IF_ERROR(Number(events));
    for (const RawEvent& event : events) {
      ApplyPosted(event, catalogue, rule, state.get());
    }
    entry.unsaved = static_cast<uint32_t>(events.size());
  }
  entry.state = std::move(state);
  return entry;
}

Result<StateCache::Entry> UserStates::Rep::FindOrLoad(std::string_view user) const {
  if (auto cached = cache.Find(user)) return *std::move(cached);
  UPNEXT_ASSIGN_OR_RETURN(StateCache::Entry entry, Load(user));
  if (entry.state->totals().events > 0) cache.Put(user, entry);
  return entry;
}

// Folds events into a state. In place when nobody else has it, since a copy of a long history costs
// more than all else.
void UserStates::Rep::Extend(std::string_view user, StateCache::Entry entry,
                             std::span<const RawEvent* const> events) {
  cache.Remove(user);  // nobody can get it from here on
  if (entry.state.use_count() > 1) {
    entry.state = std::make_shared<UserState>(*entry.state);
  } else {
    // One more reference, dropped at once: orders the changes after the last read of those who had
    // one, which use_count() alone does not.
    std::shared_ptr<UserState>(entry.state).reset();
  }
  for (const RawEvent* event : events) {
    ApplyPosted(*event, catalogue, rule, entry.state.get());
  }
  entry.unsaved += static_cast<uint32_t>(events.size());
  cache.Put(user, std::move(entry));
}

// The events that were not seen before, by their place in the batch.
Result<std::vector<size_t>> UserStates::Rep::Fresh(std::span<const RawEvent> events,
                                                   std::span<const std::string> ids) const {
  std::vector<size_t> fresh;
  std::set<std::pair<std::string_view, std::string_view>> in_batch;
  for (size_t i = 0; i < events.size(); ++i) {
    if (!ids.empty() && !ids[i].empty()) {
      if (!in_batch.emplace(events[i].user, ids[i]).second) continue;
      UPNEXT_ASSIGN_OR_RETURN(const bool seen, store->HasEvent(events[i].user, ids[i]));
      if (seen) continue;
    }
    fresh.push_back(i);
  }
  return fresh;
}

Result<std::unique_ptr<UserStates>> UserStates::Attach(Store* store, Catalogue& catalogue,
                                                       const features::PositiveRule& rule,
                                                       const features::StateSpec& keeps,
                                                       size_t cache_bytes) {
  auto rep = std::make_unique<Rep>(store, catalogue, rule, keeps, cache_bytes);
  if (store != nullptr) {
    UPNEXT_RETURN_IF_ERROR(
        store->Names(rep->numbering, [&](IdSpace space, std::string_view name, uint32_t id) {
          catalogue.Add(space, name, id);
        }));
  }
  return std::unique_ptr<UserStates>(new UserStates(std::move(rep)));
}

UserStates::UserStates(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
UserStates::~UserStates() = default;

Result<UserStates::StatePtr> UserStates::Get(std::string_view user) const {
  if (auto cached = rep_->cache.Find(user)) return std::move(cached->state);
  // Locked while it loads, so that an older state cannot replace what Apply puts into the cache.
  base::MutexLock lock(rep_->stripes[Rep::StripeOf(user)]);
  UPNEXT_ASSIGN_OR_RETURN(StateCache::Entry entry, rep_->FindOrLoad(user));
  return std::move(entry.state);
}

Result<Applied> UserStates::Apply(std::span<const RawEvent> events,
                                  std::span<const std::string> ids) {
  if (rep_->store == nullptr) {
    return FailedPrecondition("these user states have no store: events cannot be kept");
  }
  if (!ids.empty() && ids.size() != events.size()) {
    return InvalidArgument("expected no ids or one for each of {} events, found {}", events.size(),
                           ids.size());
  }
  const auto locks = rep_->Lock(events);
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<size_t> fresh, rep_->Fresh(events, ids));
  const Applied applied{.accepted = fresh.size(), .duplicates = events.size() - fresh.size()};
  if (fresh.empty()) return applied;
  // All that can fail comes before the commit.
  UPNEXT_RETURN_IF_ERROR(rep_->Number(events));
  struct OfUser {
    StateCache::Entry entry;
    std::vector<const RawEvent*> events;
    uint64_t last = 0;  // place of the newest event in the batch
  };
  std::map<std::string_view, OfUser> users;
  WriteBatch batch;
  for (const size_t i : fresh) {
    const auto [at, added] = users.try_emplace(events[i].user);
    OfUser& user = at->second;
    if (added) {
      UPNEXT_ASSIGN_OR_RETURN(user.entry, rep_->FindOrLoad(events[i].user));
      if (user.entry.unsaved >= kSaveEvery) {
        batch.states.push_back({.tag = rep_->tag,
                                .user = events[i].user,
                                .state = {user.entry.through, user.entry.state->Serialize()}});
        user.entry.unsaved = 0;
      }
    }
    user.events.push_back(&events[i]);
    user.last = batch.events.size();
    batch.events.push_back({&events[i], ids.empty() ? std::string_view() : ids[i]});
  }
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t first, rep_->store->Commit(batch));
  for (auto& [name, user] : users) {
    user.entry.through = first + user.last;
    rep_->Extend(name, std::move(user.entry), user.events);
  }
  return applied;
}

Status UserStates::DropOthers() { return rep_->store->DropOthers(rep_->numbering.log, rep_->tag); }

}  // namespace upnext::store
