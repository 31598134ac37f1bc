// One user's events made another's, in a RocksDB store.
//
//   UPNEXT_ASSIGN_OR_RETURN(const Merge merge, AddMerge(db, names, "session:s1", "u7", last, &out));
//   UPNEXT_RETURN_IF_ERROR(db.Write(&out));         while nobody else writes
//
// Pure functions over a database.
#ifndef UPNEXT_STORE_ROCKS_MERGE_H_
#define UPNEXT_STORE_ROCKS_MERGE_H_

#include <rocksdb/write_batch.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "store/rocks_db.h"
#include "store/rocks_names.h"

namespace upnext::store {

struct Merge {
  uint64_t events = 0;             // that `to` gets
  uint64_t last = 0;               // the last number that is used
  RocksNames::Waiting names = {};  // see RocksNames::ForgetTexts
};
// Adds to `out` the events of `from`, in the order of their numbers, as events of `to` with the numbers
// after `last`, and the deletion of `from`; nothing when `from` has no events. An event whose client id
// `to` has is left out. Both have no saved states then.
Result<Merge> AddMerge(const RocksDb& db, const RocksNames& names, std::string_view from,
                       std::string_view to, uint64_t last, rocksdb::WriteBatch* out);

// What is known of merges into a user.
struct MergedUsers {
  uint64_t last = 0;  // the number of the last event that came so; 0: none
  // Of keys: first those of the merges, then where the events of those who were merged have been.
  std::vector<std::pair<std::string, std::string>> ranges = {};
};
// `through`: merges with a later number did not happen yet.
Result<MergedUsers> ReadMerged(const RocksDb& db, std::string_view to,
                               uint64_t through = std::numeric_limits<uint64_t>::max());

}  // namespace upnext::store

#endif  // UPNEXT_STORE_ROCKS_MERGE_H_
