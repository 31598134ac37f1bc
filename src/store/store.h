// The online store: events as they came and the user states they led to. Events are the truth; a
// state is always fold(log events of the user, then stored events in order of arrival) and can be
// made again.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto store, OpenRocksStore(path));
//   UPNEXT_RETURN_IF_ERROR(store->Commit(batch));        durable and all or nothing once it returns
//
// Any number of threads. One process at a time holds a store (kAborted says so).
#ifndef UPNEXT_STORE_STORE_H_
#define UPNEXT_STORE_STORE_H_

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
#include "log/event_log.h"
#include "schema/raw_event.h"

namespace upnext::store {

// What one Commit writes, atomically.
struct WriteBatch {
  struct NewEvent {
    schema::RawEvent event;
    std::string id;  // the client's event id, "" when it gave none
  };
  struct State {
    std::string user, bytes;  // UserState::Serialize
  };
  struct Name {
    schema::IdSpace space;
    std::string name;  // ids are given in order of arrival
  };
  std::vector<NewEvent> events;
  std::vector<State> states;
  std::vector<Name> names;
};

class Store {
 public:
  virtual ~Store() = default;
  virtual Status Commit(const WriteBatch& batch) = 0;
  virtual Result<bool> HasEvent(std::string_view user, std::string_view id) const = 0;
  virtual Result<std::optional<std::string>> State(std::string_view user) const = 0;
  // Stored events of a user in order of arrival.
  virtual Status EventsOf(std::string_view user,
                          const std::function<void(const schema::RawEvent&)>& visit) const = 0;
  virtual Status AllEvents(const std::function<void(const schema::RawEvent&)>& visit) const = 0;
  virtual Status Names(
      const std::function<void(schema::IdSpace, std::string_view)>& visit) const = 0;
  virtual uint64_t events() const = 0;  // stored so far
  // States and names belong to one log and one rule of completeness, which `tag` stands for; with
  // another tag they are dropped and made again from the events.
  virtual Result<uint64_t> StateTag() const = 0;  // 0: none yet
  virtual Status ResetFor(uint64_t tag) = 0;
};

Result<std::unique_ptr<Store>> OpenRocksStore(const std::filesystem::path& directory);

}  // namespace upnext::store

#endif  // UPNEXT_STORE_STORE_H_
