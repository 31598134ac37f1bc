// User states for serving: from memory, else from the saved state or the log, with the stored events
// that follow folded into it when somebody asks.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto states, UserStates::Attach(store.get(), catalogue, rule,
//                                                               plan.state()));
//   UPNEXT_ASSIGN_OR_RETURN(UserStates::StatePtr state, states->Get("user-7"));
//   UPNEXT_ASSIGN_OR_RETURN(Applied applied, states->Apply(events, {}));  durable when it returns
//
// Any number of threads. Apply writes events and touches no state; Get waits for no write, folds what
// Store::EventsOf has, and has long folds saved in the background.
#ifndef UPNEXT_STORE_USER_STATES_H_
#define UPNEXT_STORE_USER_STATES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "catalogue/catalogue.h"
#include "features/user_state.h"
#include "schema/raw_event.h"
#include "store/store.h"

namespace upnext::store {

struct Applied {
  uint64_t accepted = 0, duplicates = 0;
  std::vector<size_t> places = {};  // of the accepted events in the batch
};

class UserStates {
 public:
  using StatePtr = std::shared_ptr<const features::UserState>;
  static constexpr size_t kCacheBytes = size_t{256} << 20;
  static constexpr uint64_t kMaxNames = 2'000'000;
  using MayAdd = std::function<bool()>;

  // States hold what `keeps` says: of the plan of the features that are made from them. Adds to the
  // catalogue the names that the store has for its log; store and catalogue outlive
  // this. `store` may be null: states come from the log alone and Apply is refused (command line).
  static Result<std::unique_ptr<UserStates>> Attach(Store* store, catalogue::Catalogue& catalogue,
                                                    const features::PositiveRule& rule,
                                                    const features::StateSpec& keeps,
                                                    size_t cache_bytes = kCacheBytes,
                                                    uint64_t max_names = kMaxNames);
  ~UserStates();

  // With every event that was acknowledged before, but those that the log has from elsewhere
  // (log/duplicates.h). An empty state for an unknown user.
  // Watches that go on are in it last.
  // `basis`: set to what it was made of.
  struct Basis {
    uint64_t through = 0;                     // the number of the newest stored event
    std::vector<schema::RawEvent> open = {};  // watches that go on
  };
  Result<StatePtr> Get(std::string_view user, Basis* basis = nullptr) const;
  // All or nothing: on error no event of the batch is kept. `ids` is empty or one client id per
  // event; an event whose (user, id) was seen before is counted as duplicate and not applied again.
  // `may_add` is asked for each new name. Where it says no, or max_names have been added to those of
  // the log, the event is kept and the name has no id. Get passes over an event whose item has none;
  // it gives ids to names that have none, up to a quarter of max_names.
  Result<Applied> Apply(
      std::span<const schema::RawEvent> events, std::span<const std::string> ids,
      const MayAdd& may_add = [] { return true; });
  // Gives ids to names of a stored event that have none, up to a twentieth of max_names in all, so
  // that a flood of names leaves room for those of users who come back (Get).
  Status GiveIds(const schema::RawEvent& event) const;
  // The user has no history from here on, until he has new events: what the store has is deleted, and
  // what the log has of him is passed over.
  Status Forget(std::string_view user);
  // What is known that the user did, in order of time: of the log, and of the store what that does not have.
  // Ids of requests are those that the store has; the log has none of files.
  Result<std::vector<schema::RawEvent>> History(std::string_view user) const;
  // Makes what the session `from` did the history of the user `to`, see Store::Merge. The state of the
  // user is folded anew, with all that came until then in order of time. kInvalidArgument when the
  // log has events of `from` from files, which no server can give to another user.
  Result<uint64_t> Merge(std::string_view from, std::string_view to);
  size_t cached_bytes() const;  // of states in memory, an estimate
  // Deletes from the store what belongs to other logs or other rules, see Store::DropOthers.
  Status DropOthers();

 private:
  struct Rep;
  explicit UserStates(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace upnext::store

#endif  // UPNEXT_STORE_USER_STATES_H_
