#include "serving/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <queue>
#include <tuple>
#include <utility>

#include "base/versioned_root.h"
#include "bundle/opened_bundle.h"
#include "catalogue/catalogue.h"
#include "features/trend_counts.h"
#include "log/event_log.h"
#include "schema/event.h"
#include "store/posted_records.h"
#include "store/user_states.h"

namespace upnext::serving {

using schema::IdSpace;

// A bundle with a log, and items and users as they were at one time, which goes on.
struct Replayer::World {
  std::string bundle_version, log_version;
  bundle::OpenedBundle opened;
  std::shared_ptr<catalogue::Catalogue> catalogue;
  std::unique_ptr<store::UserStates> states;
  std::unique_ptr<store::PostedRecords> records;
  std::unique_ptr<Engine> engine;
  features::LiveLists no_lists;  // with their limits
  uint64_t items = 0;            // up to this number changes are in the catalogue
  std::map<std::string, uint64_t, std::less<>>
      changed;  // items, by the number of the newest change

  bool IsOf(const SlateRecord& record) const {
    return bundle_version == record.bundle_version && log_version == record.log_version &&
           items <= record.basis.items;
  }
  // What the generators of live counts read, of which they proposed this.
  features::LiveLists ListsOf(const SlateRecord& record) const {
    features::LiveLists lists = no_lists;
    for (const LiveProposal& one : record.basis.live) {
      const uint32_t item = one.name.empty() ? one.item : catalogue->Find(IdSpace::kItem, one.name);
      lists.overall.push_back({item, one.score});
    }
    return lists;
  }
};

Replayer::Replayer(ReplayOptions options) : options_(std::move(options)) {}
Replayer::~Replayer() = default;

Result<std::unique_ptr<Replayer>> Replayer::Open(ReplayOptions options) {
  std::unique_ptr<Replayer> replayer(new Replayer(std::move(options)));
  UPNEXT_ASSIGN_OR_RETURN(
      replayer->store_,
      store::SnapshotStore::Open(replayer->options_.store, replayer->options_.generation.schema));
  return replayer;
}

Result<std::vector<LoggedSlate>> Replayer::Slates(size_t most, uint64_t* unreadable) const {
  const auto newer = [](const LoggedSlate& a, const LoggedSlate& b) {
    return a.sequence > b.sequence;
  };
  std::priority_queue<LoggedSlate, std::vector<LoggedSlate>, decltype(newer)> newest(newer);
  UPNEXT_RETURN_IF_ERROR(store_->AllSlates([&](const store::StoredSlate& stored) {
    if (newest.size() == most && (most == 0 || newest.top().sequence > stored.sequence)) {
      return true;
    }
    const auto record = DecodeSlate(options_.generation.schema, stored);
    if (!record) {
      ++*unreadable;
      return true;
    }
    newest.push({.request = stored.request,
                 .sequence = stored.sequence,
                 .bundle_version = record->bundle_version,
                 .log_version = record->log_version,
                 .items = record->basis.items});
    if (newest.size() > most) newest.pop();
    return true;
  }));
  std::vector<LoggedSlate> slates;
  for (; !newest.empty(); newest.pop()) slates.push_back(newest.top());
  std::ranges::sort(slates, {}, [](const LoggedSlate& one) {
    return std::tie(one.bundle_version, one.log_version, one.items, one.sequence);
  });
  return slates;
}

Result<Replayer::World*> Replayer::WorldOf(const SlateRecord& record) {
  const uint64_t until = record.basis.items;
  if (world_ == nullptr || !world_->IsOf(record)) {
    world_.reset();
    auto world = std::make_unique<World>();
    world->bundle_version = record.bundle_version;
    world->log_version = record.log_version;
    UPNEXT_ASSIGN_OR_RETURN(
        world->opened,
        bundle::OpenVersions(base::VersionedRoot(options_.bundle_root), record.bundle_version,
                             base::VersionedRoot(options_.log_root), record.log_version,
                             options_.generation.signals));
    options_.prepare(*world->opened.bundle);
    store_->SetTime({.events = 0, .records = until});
    world->catalogue = std::make_shared<catalogue::Catalogue>(std::move(world->opened.log));
    UPNEXT_ASSIGN_OR_RETURN(
        world->states,
        store::UserStates::Attach(store_.get(), *world->catalogue, world->opened.rule,
                                  world->opened.bundle->tables().plan.state(), /*cache_bytes=*/0,
                                  options_.generation.max_new_names));
    UPNEXT_ASSIGN_OR_RETURN(world->records,
                            store::PostedRecords::Attach(*store_, *world->catalogue,
                                                         options_.generation.max_new_names));
    world->engine = std::make_unique<Engine>(*world->opened.bundle, *world->catalogue,
                                             options_.generation.engine);
    world->no_lists = features::TrendCounts(options_.generation.engine.live).Lists();
    world->items = until;
    UPNEXT_ASSIGN_OR_RETURN(const auto before, store_->RecordChanges(0, until));
    for (const auto& change : before) {
      if (change.entity == schema::Entity::kItem) world->changed[change.name] = change.sequence;
    }
    world_ = std::move(world);
    return world_.get();
  }
  UPNEXT_ASSIGN_OR_RETURN(const auto changes, store_->RecordChanges(world_->items, until));
  for (const auto& change : changes) {
    if (change.entity == schema::Entity::kItem) world_->changed[change.name] = change.sequence;
    store_->SetTime({.events = 0, .records = change.sequence});
    UPNEXT_ASSIGN_OR_RETURN(const uint32_t id, world_->records->Take(change.entity, change.name));
    if (change.entity == schema::Entity::kItem && id != schema::kNone) {
      world_->engine->ItemsChanged({&id, 1});
    }
  }
  world_->items = until;
  return world_.get();
}

// An item of the user's events that was changed after the event: the state of then may have been folded before the
// change. "" for none.
Result<std::string> Replayer::ChangedUnderState(const SlateRecord& record) const {
  std::string found;
  const auto check = [&](std::string_view item, uint64_t sequence) {
    const auto changed = world_->changed.find(item);
    if (changed != world_->changed.end() && changed->second > sequence) found = item;
  };
  const log::EventLog& log = world_->catalogue->log();
  const uint32_t user = log.dictionary(IdSpace::kUser).Find(record.request.user);
  if (user != schema::kNone) {
    for (uint64_t row = log.begin(user); row < log.end(user); ++row) {
      check(world_->catalogue->Name(IdSpace::kItem, log.event(row).item), 0);
    }
  }
  UPNEXT_RETURN_IF_ERROR(store_->EventsOf(record.request.user, 0,
                                          [&](uint64_t sequence, const schema::RawEvent& event) {
                                            check(event.item, sequence);
                                            return Ok();
                                          }));
  return found;
}

Result<Replayed> Replayer::Replay(uint64_t request) {
  using Kind = Replayed::Result;
  UPNEXT_ASSIGN_OR_RETURN(const auto stored, store_->SlateOf(request));
  if (!stored) {
    return Replayed{Kind::kGone,
                    "no answer with this id is kept: there was none, or it is older "
                    "than [serving] keep_slates_days, or its user was forgotten"};
  }
  const auto record = DecodeSlate(options_.generation.schema, *stored);
  if (!record) return Replayed{Kind::kGone, record.error().message};
  const auto world = WorldOf(*record);
  if (!world) {
    return Replayed{Kind::kGone, fmt::format("bundle {} with log {}: {}", record->bundle_version,
                                             record->log_version, world.error().message)};
  }
  store_->SetTime(
      {.events = record->basis.state, .records = record->basis.items, .open = record->basis.open});
  UPNEXT_ASSIGN_OR_RETURN(const auto state, (*world)->states->Get(record->request.user));
  const features::LiveLists lists = (*world)->ListsOf(*record);
  const Result<Slate> slate = (*world)->engine->Recommend(*state, record->request, &lists);
  if (slate && EncodeAnswer(slate->items) == EncodeAnswer(record->items)) {
    if (!options_.other_scenario) return Replayed{};
    Request other = record->request;
    other.scenario = *options_.other_scenario;
    other.explores = false;
    UPNEXT_ASSIGN_OR_RETURN(Slate made, (*world)->engine->Recommend(*state, other, &lists));
    return Replayed{.served = *record, .other = std::move(made.items)};
  }
  const std::string difference =
      slate ? DifferenceOf(record->items, slate->items) : slate.error().message;
  if (record->basis.mixed) {
    return Replayed{
        Kind::kUnsure,
        "items or users were changed while it was answered, a stage was late, or it is a row of "
        "segments; " +
            difference};
  }
  if (stored->merged != 0) {
    return Replayed{
        Kind::kUnsure,
        "it was served to a session that was merged into the user afterwards; " + difference};
  }
  if (record->basis.options != options_.generation.engine.digest) {
    return Replayed{Kind::kUnsure, "the project file is another one; " + difference};
  }
  UPNEXT_ASSIGN_OR_RETURN(const std::string changed, ChangedUnderState(*record));
  if (!changed.empty()) {
    return Replayed{Kind::kUnsure,
                    fmt::format("item {} was changed after an event of the user, and his state may "
                                "be of before the change; {}",
                                changed, difference)};
  }
  return Replayed{Kind::kDifferent, difference};
}

Result<std::optional<SlateRecord>> Replayer::RecordOf(uint64_t request) const {
  UPNEXT_ASSIGN_OR_RETURN(const auto stored, store_->SlateOf(request));
  if (!stored || stored->merged != 0) return std::nullopt;
  auto record = DecodeSlate(options_.generation.schema, *stored);
  if (!record) return std::nullopt;
  return *std::move(record);
}

Result<std::vector<schema::RawEvent>> Replayer::EventsAfter(const SlateRecord& record) {
  store_->SetTime({});
  std::vector<schema::RawEvent> events;
  UPNEXT_RETURN_IF_ERROR(store_->EventsOf(record.request.user, record.basis.state,
                                          [&](uint64_t, const schema::RawEvent& event) {
                                            if (event.request == record.id) events.push_back(event);
                                            return Ok();
                                          }));
  return events;
}

}  // namespace upnext::serving
