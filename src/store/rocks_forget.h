// Users who are deleted, in a RocksDB store.
//
//   DeletionTimes deletions(db);
//   UPNEXT_ASSIGN_OR_RETURN(const bool gone, deletions.After(number, "u7"));
//   UPNEXT_ASSIGN_OR_RETURN(const Forgetting done, AddForget(db, names, "u7", queries, last, &out));
//   UPNEXT_RETURN_IF_ERROR(db.Write(&out));         while nobody else writes
//
// A DeletionTimes belongs to one group of commits, the rest are functions over a database.
#ifndef UPNEXT_STORE_ROCKS_FORGET_H_
#define UPNEXT_STORE_ROCKS_FORGET_H_

#include <rocksdb/write_batch.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "store/rocks_db.h"
#include "store/rocks_names.h"

namespace upnext::store {

using KeyRanges = std::vector<std::pair<std::string, std::string>>;

std::string DeletionKey(std::string_view user);

// When users were deleted, each read once.
class DeletionTimes {
 public:
  explicit DeletionTimes(const RocksDb& db) : db_(db) {}
  // Whether the user was deleted after the change of that number; never after WriteBatch::kAnyTime.
  Result<bool> After(uint64_t number, std::string_view user);

 private:
  const RocksDb& db_;
  std::map<std::string, uint64_t, std::less<>> known_;
};

struct Forgetting {
  uint64_t sequence = 0;           // of the deletion
  KeyRanges ranges = {};           // to be taken from the files
  RocksNames::Waiting names = {};  // see RocksNames::ForgetTexts
};
// Adds to `out` the deletion of what the store has of a user, and of these texts of queries; `last` is the number of
// the newest change.
Result<Forgetting> AddForget(const RocksDb& db, const RocksNames& names, std::string_view user,
                             const RocksNames::Queries& queries, uint64_t last,
                             rocksdb::WriteBatch* out);

}  // namespace upnext::store

#endif  // UPNEXT_STORE_ROCKS_FORGET_H_
