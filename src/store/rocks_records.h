// Items and users in a RocksDB store: each has the last record that was committed of it, with the
// sequence number of that change.
//
//   RecordChanges changes(*db, schema);
//   UPNEXT_RETURN_IF_ERROR(changes.Add(batch.records, &next, &out, &committed.records));
//
// A RecordChanges belongs to one group of commits: what is later in the group is a change of what is
// earlier.
#ifndef UPNEXT_STORE_ROCKS_RECORDS_H_
#define UPNEXT_STORE_ROCKS_RECORDS_H_

#include <rocksdb/write_batch.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "schema/schema.h"
#include "store/rocks_db.h"
#include "store/store.h"

namespace upnext::store {

// 'i' NAME or 'u' NAME.
std::string RecordKey(schema::Entity entity, std::string_view name);
// All earlier values of an item or user lie between these. A key has the number of the change that ended the value.
std::pair<std::string, std::string> EarlierRange(schema::Entity entity, std::string_view name);
// What the store said of the item or user when `sequence` was the number of its newest change.
Result<std::optional<Record>> RecordAsOf(const RocksDb& db, const schema::Schema& schema,
                                         schema::Entity entity, std::string_view name,
                                         uint64_t sequence);
// Of what a key has; kDataLoss when it is damaged.
Result<Record> ParseRecord(const schema::Schema& schema, schema::Entity entity,
                           std::string_view key, std::string_view value);

class RecordChanges {
 public:
  RecordChanges(const RocksDb& db, const schema::Schema& schema) : db_(db), schema_(schema) {}
  // Numbers the changes, in order, and adds them to `out`; `next` is the first number.
  Status Add(std::span<const WriteBatch::NewRecord> records, uint64_t* next,
             rocksdb::WriteBatch* out, std::vector<std::optional<Record>>* changed);

 private:
  Result<std::optional<Record>> Current(schema::Entity entity, const std::string& key) const;
  std::string Bytes(schema::Entity entity, const Record& record) const;
  const RocksDb& db_;
  const schema::Schema& schema_;
  std::map<std::string, Record> pending_;  // by key
};

// As Store::Deletions.
Status VisitDeletions(const RocksDb& db, const Store::DeletionVisitor& visit);

// As Store::Records and Store::RecordOf.
Status VisitRecords(const RocksDb& db, const schema::Schema& schema, schema::Entity entity,
                    std::string_view after, const std::function<Status(const Record&)>& visit);
Result<std::optional<Record>> FindRecord(const RocksDb& db, const schema::Schema& schema,
                                         schema::Entity entity, std::string_view name);

}  // namespace upnext::store

#endif  // UPNEXT_STORE_ROCKS_RECORDS_H_
