// Slates in a RocksDB store: `r` USER SEQUENCE has one, `q` REQUEST says where it is, `t` SEQUENCE says which is the
// oldest. USER is the fingerprint of the user, and his SEQUENCE is inverted, so that the newest slate comes first.
//
//   PutSlate(slate, sequence, &batch);
//   UPNEXT_ASSIGN_OR_RETURN(const auto slate, FindSlate(db, request));
//
// Functions of what they are given.
#ifndef UPNEXT_STORE_ROCKS_SLATES_H_
#define UPNEXT_STORE_ROCKS_SLATES_H_

#include <rocksdb/write_batch.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "store/reopening_db.h"
#include "store/rocks_db.h"
#include "store/slates.h"

namespace upnext::store {

void PutSlate(const StoredSlate& slate, uint64_t sequence, rocksdb::WriteBatch* out);
// Of the value of an `r` key; kDataLoss when it is damaged.
Result<StoredSlate> ParseSlate(std::string_view key, std::string_view value);

Result<std::optional<StoredSlate>> FindSlate(const RocksDb& db, uint64_t request);
// Those of a user, newest first, with numbers up to `last`.
Status VisitSlatesOf(const RocksDb& db, std::string_view user, uint64_t last,
                     const SlateVisitor& visit);

// All keys of a user's slates lie between these.
std::pair<std::string, std::string> SlateRange(std::string_view user);
// Deletes the slates of a user.
Status DeleteSlatesOf(const RocksDb& db, std::string_view user, rocksdb::WriteBatch* out);
// Makes the slates of `from` slates of `to`, by the merge with this number; whether there were any.
Result<bool> MoveSlates(const RocksDb& db, std::string_view from, std::string_view to,
                        uint64_t merge, rocksdb::WriteBatch* out);

// What `q` says of a slate.
struct SlatePlace {
  uint64_t request = 0, sequence = 0;
  int64_t time_ms = 0;
  uint64_t merged = 0;   // as that of StoredSlate
  std::string key = {};  // of the slate
};
Result<SlatePlace> ParseSlatePlace(std::string_view key, std::string_view value);

// Adds the `t` records that stores of format 6 do not have.
Status OrderSlates(RocksDb& db);

// Deletes slates of before that time, and earlier values of items and users (rocks_records.h) that no remaining slate
// rests on; `last` is the number of the newest change. Some at a time, so that others write in between.
Status DropSlatesBefore(ReopeningDb& db, int64_t time_ms, uint64_t last);

}  // namespace upnext::store

#endif  // UPNEXT_STORE_ROCKS_SLATES_H_
