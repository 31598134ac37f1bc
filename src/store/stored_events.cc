#include "store/stored_events.h"

#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <system_error>
#include <thread>

#include "store/event_codec.h"
#include "store/rocks_db.h"
#include "store/rocks_keys.h"
#include "store/rocks_records.h"

namespace upnext::store {
namespace {

namespace fs = std::filesystem;

constexpr int kTries = 5;
constexpr std::chrono::milliseconds kPause(200);

// The server removes files that it has merged into others. All files are opened at once, so that
// they stay readable; that one goes before it is opened is rare, and then the next try finds the new.
Result<std::unique_ptr<rocksdb::DB>> OpenSnapshot(const fs::path& directory) {
  rocksdb::Options options;
  options.max_open_files = -1;
  options.info_log = std::make_shared<NoLog>();
  for (int left = kTries;; std::this_thread::sleep_for(kPause)) {
    rocksdb::DB* db = nullptr;
    // The second folder would hold a log file, which is off.
    const rocksdb::Status opened =
        rocksdb::DB::OpenAsSecondary(options, directory.string(), directory.string(), &db);
    if (opened.ok()) return std::unique_ptr<rocksdb::DB>(db);
    if (--left == 0) return FromRocks(opened, fmt::format("read {}", directory.string()));
  }
}

Result<uint64_t> NumberAt(rocksdb::DB& db, const std::string& key) {  // 0 when absent
  std::string value;
  const rocksdb::Status read = db.Get(rocksdb::ReadOptions(), key, &value);
  if (read.IsNotFound()) return 0;
  if (!read.ok()) return FromRocks(read, "read");
  const auto number = TakeBigEndian(value);
  if (!number) return DataLoss("store: {} is not a number", key);
  return *number;
}

// A snapshot of a store of this format, null when there is no store.
Result<std::unique_ptr<rocksdb::DB>> OpenStore(const fs::path& directory) {
  std::error_code error;
  if (!fs::exists(directory / "CURRENT", error)) return nullptr;
  UPNEXT_ASSIGN_OR_RETURN(std::unique_ptr<rocksdb::DB> db, OpenSnapshot(directory));
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t format, NumberAt(*db, kFormatKey));
  if (format == kStoreFormat) return db;
  return OtherFormat(directory, format);
}

template <typename F>
Status VisitKind(rocksdb::DB& db, char kind, F&& on_entry) {
  const std::unique_ptr<rocksdb::Iterator> it(db.NewIterator(rocksdb::ReadOptions()));
  const rocksdb::Slice prefix(&kind, 1);
  for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix); it->Next()) {
    UPNEXT_RETURN_IF_ERROR(on_entry(std::string_view(it->key().data(), it->key().size()),
                                    std::string_view(it->value().data(), it->value().size())));
  }
  if (!it->status().ok()) return FromRocks(it->status(), "scan");
  return Ok();
}

}  // namespace

Result<log::PostedMark> ReadStored(const fs::path& directory, const schema::Schema& schema,
                                   const log::PostedMark& since, const StoredVisitor& visit) {
  UPNEXT_ASSIGN_OR_RETURN(const std::unique_ptr<rocksdb::DB> db, OpenStore(directory));
  if (db == nullptr) return since;
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t store, NumberAt(*db, kStoreKey));
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t last, NumberAt(*db, kSequenceKey));
  log::PostedMark mark = since.store == store ? since : log::PostedMark{.store = store};
  if (last <= mark.through) return mark;
  UPNEXT_RETURN_IF_ERROR(
      VisitKind(*db, 'e', [&](std::string_view key, std::string_view value) -> Status {
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
    UPNEXT_RETURN_IF_ERROR(VisitKind(*db, RecordKey(entity, "").front(), on_record));
  }
  mark.through = last;
  return mark;
}

Result<log::Deletions> ReadDeletions(const fs::path& directory) {
  UPNEXT_ASSIGN_OR_RETURN(const std::unique_ptr<rocksdb::DB> db, OpenStore(directory));
  log::Deletions deletions;
  if (db == nullptr) return deletions;
  UPNEXT_ASSIGN_OR_RETURN(deletions.store, NumberAt(*db, kStoreKey));
  UPNEXT_RETURN_IF_ERROR(
      VisitKind(*db, 'f', [&](std::string_view key, std::string_view value) -> Status {
        const auto user = TakeBigEndian(key.substr(1)), sequence = TakeBigEndian(value);
        if (!user || !sequence) return DataLoss("store: a deletion has no user or no number");
        deletions.users[*user] = *sequence;
        deletions.last = std::max(deletions.last, *sequence);
        return Ok();
      }));
  return deletions;
}

}  // namespace upnext::store
