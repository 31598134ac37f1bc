// The event log on disk: one versioned folder (docs/formats/event_log.md) of section files, memory
// mapped, events sorted by (user, time, order of arrival), sharded by user. What was appended lies
// in segments of its own; they are merged as they are read.
//
//   UPNEXT_ASSIGN_OR_RETURN(EventLog log, EventLog::Open(project / "log" / "v000001"));
//   for (uint32_t user = 0; user < log.users(); ++user)
//     for (uint64_t row = log.begin(user); row < log.end(user); ++row) { Event e = log.event(row);
//     ... }
//
// Everything is verified once at open (checksums, every offset and id against its bound), so the
// accessors below cannot fail. Immutable: safe for any number of threads. Copyable handle (shared
// map).
#ifndef UPNEXT_LOG_EVENT_LOG_H_
#define UPNEXT_LOG_EVENT_LOG_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/section_file.h"
#include "base/status.h"
#include "log/dictionary.h"
#include "schema/event.h"
#include "schema/raw_event.h"

namespace upnext::log {

struct LogStats {  // counts for `upnext inspect`
  uint64_t events = 0, bytes = 0;
  uint64_t by_type[schema::kEventTypes] = {};
  int64_t first_ms = schema::kNoTime, last_ms = schema::kNoTime;
  LogStats& operator+=(const LogStats& other);
  void Count(const schema::Event& event);
};

class EventLog {
 public:
  // kNotFound, or kDataLoss with the file named. With `shard` only that shard's event files are
  // opened (the others may be elsewhere): users of other shards are known and have no rows, numbers
  // and digests are those of the whole log. kInvalidArgument when there is no such shard.
  static Result<EventLog> Open(const std::filesystem::path& directory,
                               std::optional<uint32_t> shard = std::nullopt);
  // lineage() of the log in that folder, without opening the rest.
  static Result<std::vector<uint64_t>> ReadLineage(const std::filesystem::path& directory);

  uint32_t users() const;  // size of the user dictionary; some may have no events
  uint32_t items() const;
  uint64_t events() const;  // of the opened shard, as the counts in stats()
  const Dictionary& dictionary(schema::IdSpace space) const;

  // Rows of a user are [begin, end), in time order.
  uint64_t begin(uint32_t user) const;
  uint64_t end(uint32_t user) const;
  schema::Event event(uint64_t row) const;
  schema::EventType type(uint64_t row) const;  // single columns, for scans that need no more
  int64_t time_ms(uint64_t row) const;
  uint32_t item_of(uint64_t row) const;  // kNone for searches

  schema::Item item(uint32_t item) const;  // item < items()
  schema::User user(uint32_t user) const;

  const LogStats& stats() const;  // first_ms and last_ms are the whole log's
  // What each import added, in the order of arrival.
  std::span<const LogStats> segments() const;
  uint32_t shards() const;
  std::optional<uint32_t> shard() const;  // the one that was opened; none: all
  // Identifies the dictionaries: equal digests mean that equal numbers mean equal ids (SV-03).
  uint64_t digest() const;
  // The digests of all dictionaries whose ids have the same numbers here, oldest first, digest()
  // last: what was made from an earlier state of this log may be used with it, and must take ids
  // that it does not know as unknown.
  std::span<const uint64_t> lineage() const;
  // Identifies everything in the log, events too.
  uint64_t content_digest() const;
  const std::filesystem::path& directory() const;

 private:
  struct Rep;
  std::shared_ptr<const Rep> rep_;
};

// Sorts and writes a log into the (existing, empty) folder. For data that fits in memory; the
// import writes the same format with DuckDB sorting on disk. An event that equals another in every
// field is written once.
Status WriteEventLog(const std::filesystem::path& directory,
                     std::span<const schema::RawEvent> events,
                     std::span<const schema::RawItem> items, std::span<const schema::RawUser> users,
                     uint32_t shards = 1);

}  // namespace upnext::log

#endif  // UPNEXT_LOG_EVENT_LOG_H_
