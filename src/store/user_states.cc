#include "store/user_states.h"

#include <algorithm>
#include <array>
#include <functional>
#include <list>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/checksum.h"
#include "base/mutex.h"

namespace upnext::store {

using catalogue::Catalogue;
using features::UserState;
using schema::IdSpace;
using schema::RawEvent;

namespace {

constexpr size_t kShards = 16;
constexpr size_t kCachedPerShard = 8192;         // states kept in memory, newest use first
constexpr uint64_t kMaxAddedNames = 10'000'000;  // ids that clients may add to a log's own

// The id spaces that an event may add to.
constexpr std::array kGrowing = {IdSpace::kItem, IdSpace::kQuery, IdSpace::kDevice,
                                 IdSpace::kRegion, IdSpace::kSource};

// The states used last, of the users that fall into this shard.
struct Shard {
  base::Mutex mutex;
  std::list<std::pair<std::string, UserState>> order UPNEXT_GUARDED_BY(mutex);
  std::unordered_map<std::string_view, decltype(order)::iterator> index UPNEXT_GUARDED_BY(mutex);

  const UserState* Find(std::string_view user) UPNEXT_REQUIRES(mutex) {
    const auto at = index.find(user);
    if (at == index.end()) return nullptr;
    order.splice(order.begin(), order, at->second);
    return &at->second->second;
  }
  void Put(std::string_view user, UserState state) UPNEXT_REQUIRES(mutex) {
    if (const auto at = index.find(user); at != index.end()) {
      at->second->second = std::move(state);
      order.splice(order.begin(), order, at->second);
      return;
    }
    order.emplace_front(std::string(user), std::move(state));
    index.emplace(order.front().first, order.begin());
    if (order.size() <= kCachedPerShard) return;
    index.erase(order.back().first);
    order.pop_back();
  }
};

// Strings to ids, as import does it; ids that are new are added to the catalogue.
schema::Event Resolve(const RawEvent& raw, Catalogue& catalogue) {
  const auto id = [&](IdSpace space, const std::string& name) {
    return name.empty() ? schema::kNone : catalogue.FindOrAdd(space, name);
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

// What a state depends on next to the posted events: the log, its events and its numbers, what
// counts as complete, and what is kept.
uint64_t StateTag(uint64_t log_content, const features::PositiveRule& rule,
                  const features::StateSpec& keeps) {
  return base::Fingerprint(
      fmt::format("{} {} {} {:x}", rule.from_event, rule.share, rule.seconds, keeps.digest()),
      log_content);
}

}  // namespace

struct UserStates::Rep {
  Store* const store;
  Catalogue& catalogue;
  const features::PositiveRule rule;
  const features::StateSpec keeps;
  mutable std::array<Shard, kShards> shards;
  base::Mutex writing;  // one Apply at a time: names are stored in the order of their ids
  std::array<uint32_t, schema::kIdSpaces> stored_names UPNEXT_GUARDED_BY(writing) = {};

  Rep(Store* s, Catalogue& c, const features::PositiveRule& r, const features::StateSpec& k)
      : store(s), catalogue(c), rule(r), keeps(k) {}

  Shard& ShardOf(std::string_view user) const { return shards[base::Fingerprint(user) % kShards]; }
  Status RestoreNames() UPNEXT_REQUIRES(writing);
  Result<UserState> Load(std::string_view user) const;
  Result<UserState> Get(std::string_view user) const;
  Result<std::vector<size_t>> Fresh(std::span<const RawEvent> events,
                                    std::span<const std::string> ids) const;
  void CollectNames(WriteBatch* batch, std::array<uint32_t, schema::kIdSpaces>* sizes) const
      UPNEXT_REQUIRES(writing);
};

Status UserStates::Rep::RestoreNames() {
  const uint64_t digest = StateTag(catalogue.log().content_digest(), rule, keeps);
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t stored, store->StateTag());
  if (stored != digest) {
    UPNEXT_RETURN_IF_ERROR(store->ResetFor(digest));
  } else {
    UPNEXT_RETURN_IF_ERROR(store->Names(
        [&](IdSpace space, std::string_view name) { catalogue.FindOrAdd(space, name); }));
  }
  for (const IdSpace space : kGrowing) {
    stored_names[static_cast<size_t>(space)] = catalogue.size(space);
  }
  return Ok();
}

Result<UserState> UserStates::Rep::Load(std::string_view user) const {
  if (store != nullptr) {
    UPNEXT_ASSIGN_OR_RETURN(const auto bytes, store->State(user));
    if (bytes) return UserState::Parse(*bytes, keeps);
  }
  UserState state(keeps);
  const log::EventLog& log = catalogue.log();
  const uint32_t id = log.dictionary(IdSpace::kUser).Find(user);
  if (id != schema::kNone) {
    for (uint64_t row = log.begin(id); row < log.end(id); ++row) {
      state.Apply(log.event(row), catalogue, rule);
    }
  }
  if (store != nullptr) {
    UPNEXT_RETURN_IF_ERROR(store->EventsOf(user, [&](const RawEvent& event) {
      state.Apply(Resolve(event, catalogue), catalogue, rule);
    }));
  }
  return state;
}

Result<UserState> UserStates::Rep::Get(std::string_view user) const {
  Shard& shard = ShardOf(user);
  // Held while loading, so that an older state cannot overwrite what Apply puts here meanwhile.
  base::MutexLock lock(shard.mutex);
  if (const UserState* cached = shard.Find(user)) return *cached;
  UPNEXT_ASSIGN_OR_RETURN(UserState state, Load(user));
  if (state.totals().events > 0) shard.Put(user, state);
  return state;
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

void UserStates::Rep::CollectNames(WriteBatch* batch,
                                   std::array<uint32_t, schema::kIdSpaces>* sizes) const {
  *sizes = stored_names;
  for (const IdSpace space : kGrowing) {
    const auto at = static_cast<size_t>(space);
    (*sizes)[at] = catalogue.size(space);
    for (uint32_t id = stored_names[at]; id < (*sizes)[at]; ++id) {
      batch->names.push_back({space, catalogue.Name(space, id)});
    }
  }
}

Result<std::unique_ptr<UserStates>> UserStates::Attach(Store* store, Catalogue& catalogue,
                                                       const features::PositiveRule& rule,
                                                       const features::StateSpec& keeps) {
  auto rep = std::make_unique<Rep>(store, catalogue, rule, keeps);
  if (store != nullptr) {
    base::MutexLock lock(rep->writing);
    UPNEXT_RETURN_IF_ERROR(rep->RestoreNames());
  }
  return std::unique_ptr<UserStates>(new UserStates(std::move(rep)));
}

UserStates::UserStates(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
UserStates::~UserStates() = default;

Result<UserState> UserStates::Get(std::string_view user) const { return rep_->Get(user); }

Result<Applied> UserStates::Apply(std::span<const RawEvent> events,
                                  std::span<const std::string> ids) {
  if (rep_->store == nullptr) {
    return FailedPrecondition("these user states have no store: events cannot be kept");
  }
  if (!ids.empty() && ids.size() != events.size()) {
    return InvalidArgument("expected no ids or one for each of {} events, found {}", events.size(),
                           ids.size());
  }
  base::MutexLock lock(rep_->writing);
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<size_t> fresh, rep_->Fresh(events, ids));
  uint64_t added = 0;
  for (const IdSpace space : kGrowing) {
    added += rep_->catalogue.size(space) - rep_->catalogue.log().dictionary(space).size();
  }
  if (added > kMaxAddedNames) {
    return ResourceExhausted(
        "clients added {} ids that the log does not know, more than {}: import the new events and "
        "items and train again",
        added, kMaxAddedNames);
  }
  std::map<std::string_view, UserState> states;  // of the users in this batch
  WriteBatch batch;
  for (const size_t i : fresh) {
    const std::string_view user = events[i].user;
    auto at = states.find(user);
    if (at == states.end()) {
      UPNEXT_ASSIGN_OR_RETURN(UserState state, rep_->Get(user));
      at = states.emplace(user, std::move(state)).first;
    }
    at->second.Apply(Resolve(events[i], rep_->catalogue), rep_->catalogue, rep_->rule);
    batch.events.push_back({events[i], ids.empty() ? std::string() : ids[i]});
  }
  for (const auto& [user, state] : states) {
    batch.states.push_back({std::string(user), state.Serialize()});
  }
  std::array<uint32_t, schema::kIdSpaces> sizes;
  rep_->CollectNames(&batch, &sizes);
  if (!fresh.empty()) UPNEXT_RETURN_IF_ERROR(rep_->store->Commit(batch));
  if (!fresh.empty()) rep_->stored_names = sizes;
  for (auto& [user, state] : states) {
    Shard& shard = rep_->ShardOf(user);
    base::MutexLock shard_lock(shard.mutex);
    shard.Put(user, std::move(state));
  }
  return Applied{.accepted = fresh.size(), .duplicates = events.size() - fresh.size()};
}

}  // namespace upnext::store
