// User states for serving: from memory, else the store, else folded from the log and the stored
// events.
//
//   UserStates states(store, catalogue, rule);                 after Attach() has succeeded
//   UserState state = states.Get("user-7");
//   UPNEXT_ASSIGN_OR_RETURN(Applied applied, states.Apply(events));       durable when it returns
//
// Any number of threads; events of one user are applied one after the other.
#ifndef UPNEXT_STORE_USER_STATES_H_
#define UPNEXT_STORE_USER_STATES_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "catalogue/catalogue.h"
#include "features/user_state.h"
#include "log/event_log.h"
#include "schema/raw_event.h"
#include "store/store.h"

namespace upnext::store {

struct Applied {
  uint64_t accepted = 0, duplicates = 0;
};

class UserStates {
 public:
  // Binds the store to the catalogue's log: restores added names, or drops states and names of
  // another log (one with events appended is another). `store` may be null: states come from the
  // log alone and Apply is refused (command line).
  static Result<std::unique_ptr<UserStates>> Attach(Store* store, catalogue::Catalogue& catalogue,
                                                    const features::PositiveRule& rule);
  ~UserStates();

  Result<features::UserState> Get(
      std::string_view user) const;  // an empty state for an unknown user
  // All or nothing: on error no event of the batch is kept. `ids` is empty or one client id per
  // event; an event whose (user, id) was seen before is counted as duplicate and not applied again.
  Result<Applied> Apply(std::span<const schema::RawEvent> events, std::span<const std::string> ids);

 private:
  struct Rep;
  explicit UserStates(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace upnext::store

#endif  // UPNEXT_STORE_USER_STATES_H_
