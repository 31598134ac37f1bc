// The format of a RocksDB store that is opened.
#ifndef UPNEXT_STORE_ROCKS_FORMAT_H_
#define UPNEXT_STORE_ROCKS_FORMAT_H_

#include <rocksdb/write_batch.h>

#include <cstdint>
#include <filesystem>
#include <random>
#include <string_view>

#include "base/status.h"
#include "store/rocks_db.h"
#include "store/rocks_keys.h"
#include "store/rocks_slates.h"

namespace upnext::store {

// Whether a server is making this store just now: nothing was written to it, not even its format.
inline bool IsBeingMade(const RocksDb& db) {
  return db
      .VisitPrefix("", "",
                   [](std::string_view, std::string_view) -> Status {
                     return Cancelled("there is an entry");
                   })
      .has_value();
}

// A new store is marked with the format, and one of the earlier format brought to it; one that was written in another is
// refused.
inline Status BeginFormat(RocksDb& db, const std::filesystem::path& directory, uint64_t found) {
  rocksdb::WriteBatch out;
  out.Put(kFormatKey, BigEndian(kStoreFormat));
  if (found == kEarlierFormat) {
    UPNEXT_RETURN_IF_ERROR(OrderSlates(db));
    return db.Write(&out);
  }
  UPNEXT_RETURN_IF_ERROR(db.VisitPrefix("", "", [&](std::string_view, std::string_view) -> Status {
    return OtherFormat(directory, found);
  }));
  std::random_device random;
  out.Put(kStoreKey, BigEndian(uint64_t{random()} << 32 | random() | 1));
  return db.Write(&out);
}

}  // namespace upnext::store

#endif  // UPNEXT_STORE_ROCKS_FORMAT_H_
