// Ids of names in a RocksDB store. A new name gets its id in memory at once and waits here for the
// next commit, which writes it in the same batch as the events that need it.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto ids, names.Intern(*db, numbering, IdSpace::kItem, list));
//   const RocksNames::Waiting waiting = names.waiting();      write them all, then
//   names.SetWritten(waiting);
//
// Any number of threads.
#ifndef UPNEXT_STORE_ROCKS_NAMES_H_
#define UPNEXT_STORE_ROCKS_NAMES_H_

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "base/status.h"
#include "schema/event.h"
#include "store/rocks_db.h"
#include "store/store.h"

namespace upnext::store {

class RocksNames {
 public:
  using Visitor = std::function<void(schema::IdSpace, std::string_view, uint32_t)>;
  using Waiting = std::map<std::string, uint32_t>;  // key -> id

  Result<std::vector<uint32_t>> Intern(const RocksDb& db, const Numbering& numbering,
                                       schema::IdSpace space,
                                       std::span<const std::string_view> names);
  Status Visit(const RocksDb& db, const Numbering& numbering, const Visitor& visit) const;
  // The ids that were given for a log, also those whose names were deleted.
  static Result<uint64_t> Count(const RocksDb& db, uint64_t log);
  Waiting waiting() const;
  void SetWritten(const Waiting& written);
  // Texts of queries that have ids, with their keys, one of each log.
  using Queries = std::unordered_map<std::string, std::vector<std::string>>;
  Result<Queries> QueryTexts(const RocksDb& db) const;
  // The keys of a name, one of each log that has given it an id.
  Result<std::vector<std::string>> KeysOf(const RocksDb& db, schema::IdSpace space,
                                          std::string_view name) const;
  // Adds to `out` what takes the texts out of the database, and the other names that wait: ids follow
  // one another without a gap there. Those of the texts stay given, without a text. Returns what waits
  // no longer once `out` is written, for SetWritten.
  Result<Waiting> ForgetTexts(const RocksDb& db, const Queries& queries,
                              rocksdb::WriteBatch* out) const;
  void KeepOnly(uint64_t log);  // after the names of all other logs were deleted

 private:
  // Of one log: by IdSpace the next id, and how many names there are in all.
  struct Counts {
    std::vector<uint32_t> next;
    uint64_t names = 0;
  };
  Result<Counts*> CountsOf(const RocksDb& db, const Numbering& numbering) UPNEXT_REQUIRES(mutex_);
  Result<uint32_t> Find(const RocksDb& db, const std::string& key) const UPNEXT_REQUIRES(mutex_);

  mutable base::Mutex mutex_;
  std::map<uint64_t, Counts> counts_ UPNEXT_GUARDED_BY(mutex_);  // by log
  Waiting waiting_ UPNEXT_GUARDED_BY(mutex_);
};

}  // namespace upnext::store

#endif  // UPNEXT_STORE_ROCKS_NAMES_H_
