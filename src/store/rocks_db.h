// RocksDB as the store uses it: how a database is opened, and its errors as those of upnext.
//
//   UPNEXT_ASSIGN_OR_RETURN(std::unique_ptr<rocksdb::DB> db, OpenRocksDb(directory));
//   UPNEXT_RETURN_IF_ERROR(VisitPrefix(*db, "e", [&](std::string_view key, std::string_view value) {
//     return Ok();
//   }));
//
// Any number of threads.
#ifndef UPNEXT_STORE_ROCKS_DB_H_
#define UPNEXT_STORE_ROCKS_DB_H_

#include <rocksdb/db.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace upnext::store {

std::unexpected<Error> FromRocks(const rocksdb::Status& status, std::string_view doing);

// Without compression, automatic recovery and a log file of its own. Merge keeps the larger of two
// values.
Result<std::unique_ptr<rocksdb::DB>> OpenRocksDb(const std::filesystem::path& directory);

Result<std::optional<std::string>> GetValue(const rocksdb::DB& db, const std::string& key);

// Visits keys that start with `prefix`, from `from` on, in ascending order; on_entry(key, value)
// returns a Status, and the first error ends the visit.
template <typename F>
Status VisitPrefix(const rocksdb::DB& db, const std::string& prefix, const std::string& from,
                   F&& on_entry) {
  const auto view = [](const rocksdb::Slice& s) { return std::string_view(s.data(), s.size()); };
  const std::unique_ptr<rocksdb::Iterator> it(
      const_cast<rocksdb::DB&>(db).NewIterator(rocksdb::ReadOptions()));
  for (it->Seek(from); it->Valid() && it->key().starts_with(prefix); it->Next()) {
    UPNEXT_RETURN_IF_ERROR(on_entry(view(it->key()), view(it->value())));
  }
  if (!it->status().ok()) return FromRocks(it->status(), "scan");
  return Ok();
}

}  // namespace upnext::store

#endif  // UPNEXT_STORE_ROCKS_DB_H_
