#include "store/stored_events.h"

#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <chrono>
#include <memory>
#include <string>
#include <system_error>
#include <thread>

#include "store/event_codec.h"
#include "store/rocks_db.h"
#include "store/rocks_keys.h"

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

}  // namespace

Result<log::PostedMark> ReadStoredEvents(
    const fs::path& directory, const schema::Schema& schema, const log::PostedMark& since,
    const std::function<Status(const schema::RawEvent&)>& visit) {
  std::error_code error;
  if (!fs::exists(directory / "CURRENT", error)) return log::PostedMark{};
  UPNEXT_ASSIGN_OR_RETURN(const std::unique_ptr<rocksdb::DB> db, OpenSnapshot(directory));
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t format, NumberAt(*db, kFormatKey));
  if (format != kStoreFormat) {
    return FailedPrecondition(
        "{}: expected a store of format {}, found {}; start the server of "
        "this version, which says what to do",
        directory.string(), kStoreFormat, format);
  }
  log::PostedMark mark;
  UPNEXT_ASSIGN_OR_RETURN(mark.store, NumberAt(*db, kStoreKey));
  UPNEXT_ASSIGN_OR_RETURN(mark.through, NumberAt(*db, kSequenceKey));
  const uint64_t after = since.store == mark.store ? since.through : 0;
  if (mark.through <= after) return log::PostedMark{.store = mark.store, .through = after};
  const std::unique_ptr<rocksdb::Iterator> it(db->NewIterator(rocksdb::ReadOptions()));
  for (it->Seek("e"); it->Valid() && it->key().starts_with("e"); it->Next()) {
    const std::string_view key(it->key().data(), it->key().size());
    const auto sequence = key.size() < 8 ? std::nullopt : TakeBigEndian(key.substr(key.size() - 8));
    if (!sequence) return DataLoss("store: an event has no sequence number");
    if (*sequence <= after) continue;
    UPNEXT_ASSIGN_OR_RETURN(
        const auto event,
        DecodeEvent(schema, std::string_view(it->value().data(), it->value().size())));
    if (event) UPNEXT_RETURN_IF_ERROR(visit(*event));
  }
  if (!it->status().ok()) return FromRocks(it->status(), "scan");
  return mark;
}

}  // namespace upnext::store
