#include "store/stored_events.h"

#include <algorithm>
#include <memory>
#include <string>
#include <system_error>

#include "store/event_codec.h"
#include "store/rocks_db.h"
#include "store/rocks_format.h"
#include "store/rocks_keys.h"
#include "store/rocks_records.h"

namespace upnext::store {
namespace {

namespace fs = std::filesystem;

// A snapshot of a store of this format, null when there is no store yet.
Result<std::unique_ptr<RocksDb>> OpenStore(const fs::path& directory) {
  std::error_code error;
  if (!fs::exists(directory / "CURRENT", error)) return nullptr;
  UPNEXT_ASSIGN_OR_RETURN(std::unique_ptr<RocksDb> db, RocksDb::OpenSnapshot(directory));
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t format, db->Number(kFormatKey));
  if (IsReadable(format)) return db;
  if (IsBeingMade(*db)) return nullptr;
  return OtherFormat(directory, format);
}

}  // namespace

Result<log::PostedMark> ReadStored(const fs::path& directory, const schema::Schema& schema,
                                   const log::PostedMark& since, const StoredVisitor& visit) {
  UPNEXT_ASSIGN_OR_RETURN(const std::unique_ptr<RocksDb> db, OpenStore(directory));
  if (db == nullptr) return since;
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t store, db->Number(kStoreKey));
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t last, db->Number(kSequenceKey));
  log::PostedMark mark = since.store == store ? since : log::PostedMark{.store = store};
  if (last <= mark.through) return mark;
  UPNEXT_RETURN_IF_ERROR(
      db->VisitPrefix("e", "e", [&](std::string_view key, std::string_view value) -> Status {
        const auto sequence =
            TakeBigEndian(key.substr(key.size() - std::min<size_t>(8, key.size())));
        if (!sequence) return DataLoss("store: an event has no sequence number");
        if (*sequence <= mark.through) return Ok();
        UPNEXT_ASSIGN_OR_RETURN(const auto event, DecodeEvent(schema, value));
        return event ? visit.event(*event) : Ok();
      }));
  for (const schema::Entity entity : {schema::Entity::kItem, schema::Entity::kUser}) {
    const auto on_record = [&](std::string_view key, std::string_view value) -> Status {
      UPNEXT_ASSIGN_OR_RETURN(const Record record, ParseRecord(schema, entity, key, value));
      return record.sequence > mark.through ? visit.record(entity, record) : Ok();
    };
    const std::string kind = RecordKey(entity, "");
    UPNEXT_RETURN_IF_ERROR(db->VisitPrefix(kind, kind, on_record));
  }
  mark.through = last;
  return mark;
}

Result<log::Deletions> ReadDeletions(const fs::path& directory) {
  UPNEXT_ASSIGN_OR_RETURN(const std::unique_ptr<RocksDb> db, OpenStore(directory));
  log::Deletions deletions;
  if (db == nullptr) return deletions;
  UPNEXT_ASSIGN_OR_RETURN(deletions.store, db->Number(kStoreKey));
  UPNEXT_RETURN_IF_ERROR(VisitDeletions(*db, [&](uint64_t user, uint64_t sequence) {
    deletions.users[user] = sequence;
    deletions.last = std::max(deletions.last, sequence);
  }));
  return deletions;
}

}  // namespace upnext::store
