// Watches that go on, in a RocksDB store: `w` USER ID has the newest event that said how far a watch is. Each takes the
// place of the one before; one that has rested for a while is closed, and an event like any other from then on.
//
//   OpenWatches watches(db, schema);
//   UPNEXT_ASSIGN_OR_RETURN(const bool taken, watches.Put(event, id, bytes, &next, &out));
//
// An OpenWatches belongs to one group of commits: what is later in the group follows what is earlier.
#ifndef UPNEXT_STORE_ROCKS_WATCHES_H_
#define UPNEXT_STORE_ROCKS_WATCHES_H_

#include <rocksdb/write_batch.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "schema/raw_event.h"
#include "schema/schema.h"
#include "store/rocks_db.h"

namespace upnext::store {

std::string OpenWatchKey(std::string_view user, std::string_view id);

class OpenWatches {
 public:
  OpenWatches(const RocksDb& db, const schema::Schema& schema) : db_(db), schema_(schema) {}
  // Adds to `out` that the watch is this far, under the next number; false, without effect, for one that is earlier than
  // what is known of it. `bytes`: of EncodeEvent.
  Result<bool> Put(const schema::RawEvent& event, std::string_view id, const std::string& bytes,
                   uint64_t* next, rocksdb::WriteBatch* out);
  // The watch with this id has ended by an event of its own.
  void End(std::string_view user, std::string_view id, rocksdb::WriteBatch* out);

 private:
  struct Progress {
    int64_t time_ms;
    float value;
  };
  const RocksDb& db_;
  const schema::Schema& schema_;
  std::map<std::string, std::optional<Progress>> pending_;  // by key; none: it has ended
};

// Those of a user whose number is at most `last`.
Status VisitOpenWatches(const RocksDb& db, const schema::Schema& schema, std::string_view user,
                        uint64_t last, const std::function<Status(const schema::RawEvent&)>& visit);

// Makes events, under the next numbers, of watches whose time is before that, at most so many as one write takes.
Status EndRested(const RocksDb& db, const schema::Schema& schema, int64_t before_ms, uint64_t* next,
                 rocksdb::WriteBatch* out, std::vector<schema::RawEvent>* closed);

}  // namespace upnext::store

#endif  // UPNEXT_STORE_ROCKS_WATCHES_H_
