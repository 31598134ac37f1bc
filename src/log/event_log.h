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

#include <array>
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
#include "schema/schema.h"

namespace upnext::log {

class AttributeView;  // attribute_reader.h

// Events that were posted to a server are in its store, and in a log from the import on that takes
// them from there. A user's events are those of the log and then those of the store after `through`.
struct PostedMark {
  uint64_t store = 0;    // store::Store::id() of the store that they come from; 0: none
  uint64_t through = 0;  // the sequence number up to which the log has the store's events
  // The sequence number up to which users that were deleted from the store are out of the log.
  uint64_t forgotten = 0;
  friend bool operator==(const PostedMark&, const PostedMark&) = default;
};
// How far apart in time a posted event and one of a file may be and still be the same event.
inline constexpr int64_t kSameEventMs = 3000, kMaxSameEventMs = 3'600'000;

struct LogStats {  // counts for `upnext inspect`
  uint64_t events = 0, bytes = 0;
  uint64_t posted = 0, with_id = 0;  // events that were posted, and that have an id of their own
  std::array<uint64_t, 256> by_type = {};  // by the number of the type
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

  const schema::Schema& schema() const;  // that the log was written under

  uint32_t users() const;  // size of the user dictionary; some may have no events
  uint32_t items() const;
  // The items or users, ascending, that an earlier version of this log had and no row of the import
  // that made this one mentions: they keep their numbers, have no events and no attributes, and the
  // items are removed. They count as neither items nor users.
  std::span<const uint32_t> gone(schema::Entity entity) const;
  bool IsGone(schema::Entity entity, uint32_t id) const;
  uint32_t present(schema::Entity entity) const;  // items or users that are not gone
  uint64_t events() const;                        // of the opened shard, as the counts in stats()
  const Dictionary& dictionary(schema::IdSpace space) const;

  // Rows of a user are [begin, end), in time order.
  uint64_t begin(uint32_t user) const;
  uint64_t end(uint32_t user) const;
  schema::Event event(uint64_t row) const;
  schema::EventType type(uint64_t row) const;  // single columns, for scans that need no more
  int64_t time_ms(uint64_t row) const;
  uint64_t event_id(uint64_t row) const;
  uint32_t item_of(uint64_t row) const;  // kNone for searches

  // The declared attributes of requests that came with the event, in their order.
  void RequestAttributes(uint64_t row, std::vector<schema::AttributeValue>* values) const;

  schema::Item item(uint32_t item) const;  // item < items()
  schema::User user(uint32_t user) const;
  // The value of one attribute of an item or user, by the attribute's number in the schema: of a
  // kind that fits in an AttributeValue, of a category (none or one) or categories, of a text, of a
  // vector. Absent for another kind. Spans and texts lie in the mapped log.
  schema::AttributeValue Value(schema::Entity entity, uint32_t attribute, uint32_t id) const;
  std::span<const uint32_t> Categories(schema::Entity entity, uint32_t attribute,
                                       uint32_t id) const;
  std::string_view Text(schema::Entity entity, uint32_t attribute, uint32_t id) const;
  std::span<const float> Vector(schema::Entity entity, uint32_t attribute, uint32_t id) const;
  // The column of an attribute, valid as long as this log.
  const AttributeView& attribute(schema::Entity entity, uint32_t attribute) const;
  // All attributes of an item or user, in their order.
  void Attributes(schema::Entity entity, uint32_t id,
                  std::vector<schema::AttributeCell>* cells) const;

  const LogStats& stats() const;  // first_ms and last_ms are the whole log's
  // What each import added, in the order of arrival.
  std::span<const LogStats> segments() const;
  // Which events of a store the log has, and the window of time under which it was written
  // (duplicates.h).
  const PostedMark& posted() const;
  int64_t same_event_ms() const;
  uint32_t shards() const;
  std::optional<uint32_t> shard() const;  // the one that was opened; none: all
  // Identifies the schema and the dictionaries: equal digests mean that equal numbers mean equal
  // event types, attributes and ids (SV-03).
  uint64_t digest() const;
  // The digests of all dictionaries whose ids have the same numbers here, oldest first, digest()
  // last: what was made from an earlier state of this log may be used with it, and must take ids
  // that it does not know as unknown.
  std::span<const uint64_t> lineage() const;
  // Identifies everything in the log, events too.
  uint64_t content_digest() const;
  // Of the files that content_digest() is of but the meta file itself, which also has posted().
  std::span<const uint64_t> file_digests() const;
  const std::filesystem::path& directory() const;

 private:
  struct Rep;
  std::shared_ptr<const Rep> rep_;
};

// kFailedPrecondition for the log of another schema than the project file's: names the first
// difference and says to run the import again.
Status CheckSchema(const EventLog& log, const schema::Schema& of_project);

// Sorts and writes a log into the (existing, empty) folder. For data that fits in memory; the
// import writes the same format with DuckDB sorting on disk. Of events that are the same
// (duplicates.h) one is written. kInvalidArgument names the row that does not fit.
Status WriteEventLog(const std::filesystem::path& directory,
                     std::span<const schema::RawEvent> events,
                     std::span<const schema::RawItem> items, std::span<const schema::RawUser> users,
                     uint32_t shards = 1, const schema::Schema& schema = {});

}  // namespace upnext::log

#endif  // UPNEXT_LOG_EVENT_LOG_H_
