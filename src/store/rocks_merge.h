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
// after `last`, the slates of `from` as those of `to`, and the deletion of `from`, also when it has neither. An
// event whose client id `to` has is left out. Both have no saved states then.
Result<Merge> AddMerge(const RocksDb& db, const RocksNames& names, std::string_view from,
                       std::string_view to, uint64_t last, rocksdb::WriteBatch* out);

// What is known of merges into a user.
struct MergedUsers {
  uint64_t last = 0;                    // the number of the last event that came so; 0: none
  std::vector<std::string> users = {};  // who were merged, but those who were deleted since
};
// `through`: merges with a later number did not happen yet.
Result<MergedUsers> ReadMerged(const RocksDb& db, std::string_view to,
                               uint64_t through = std::numeric_limits<uint64_t>::max());

// Adds to `out` that it is not said any more of whom the events came that were this user's. The number is that of the
// deletion; the keys that said it go to `keys`.
Status ForgetMerges(const RocksDb& db, std::string_view from, uint64_t number,
                    std::vector<std::string>* keys, rocksdb::WriteBatch* out);

}  // namespace upnext::store

#endif  // UPNEXT_STORE_ROCKS_MERGE_H_
