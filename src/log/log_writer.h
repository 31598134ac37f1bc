// Writes a log folder from rows that are sorted already, with memory that does not grow with their
// number (only with the number of users and names). WriteEventLog and Import are its two callers.
//
//   UPNEXT_ASSIGN_OR_RETURN(LogWriter writer, LogWriter::Create(folder, {.shards = 1}));
//   for (IdSpace s : all) { writer.BeginDictionary(s, n); for (name : names) writer.AddName(name);
//   } for (item : dictionary order) writer.AddItem(cells);     exactly one per name, as for users
//   for (event : by shard, user, time, arrival) writer.AddEvent(user, event, attributes);
//   UPNEXT_RETURN_IF_ERROR(writer.Finish());
//
// Calls must come in that order; a row out of order or out of bounds is kInternal. One thread.
//
// An event that is the same as one before it or as one of the base (duplicates.h) is dropped and
// counted (duplicates()), so that a repeated event is stored once.
#ifndef UPNEXT_LOG_LOG_WRITER_H_
#define UPNEXT_LOG_LOG_WRITER_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "log/event_log.h"
#include "schema/schema.h"

namespace upnext::log {

struct LogWriterOptions {
  uint32_t shards = 1;         // [1, 65536]
  schema::Schema schema = {};  // of a log without a base; else it is the base's
  // A log to go on from: its names keep their numbers, and only those that it does not have are
  // added; items and users are written anew, the base's first. Must outlive the writer.
  const EventLog* base = nullptr;
  // The base's event files become this log's (hard links, copies where the file system has none),
  // and the events that are added one segment more, if there are any; shards must be the base's.
  // false: only what is added is in the log.
  bool keep_events = true;
  // Which events of a store the log has once it is written; none: those of the base.
  std::optional<PostedMark> posted = {};
  // How far apart a posted event and one of a file may be (duplicates.h); none: as in the base.
  std::optional<int64_t> same_event_ms = {};
  bool adds_posted = false;  // posted events are among those that are added
  // By id space, the names of the base that become nameless; empty, or empty for a space: none.
  std::vector<std::vector<bool>> forgotten = {};
};

class LogWriter {
 public:
  // The folder must exist and be empty.
  static Result<LogWriter> Create(const std::filesystem::path& directory,
                                  const LogWriterOptions& options);
  LogWriter(LogWriter&&) noexcept;
  ~LogWriter();

  // Spaces in the order of their numbers, each exactly once; names by (length, bytes), none empty.
  // With a base, `names` are new ones.
  Status BeginDictionary(schema::IdSpace space, uint64_t names);
  Status AddName(std::string_view name);

  // A cell for each attribute of the schema, in their order.
  Status AddItem(std::span<const schema::AttributeCell> cells);
  Status AddUser(std::span<const schema::AttributeCell> cells);
  // In place of one of these two: the base's item or user is gone (EventLog::gone). It must get no
  // event.
  Status AddGone(schema::Entity entity);
  // `attributes` has a value for each declared attribute of requests. kResourceExhausted when the
  // base has too many segments for one more.
  Status AddEvent(uint32_t user, const schema::Event& event,
                  std::span<const schema::AttributeValue> attributes);
  // Writes everything that is still open, the meta file last: a folder without it is no log.
  Status Finish();

  // Of what was added, not of the base: events, those dropped because they were there already, and
  // those (not dropped) that are earlier than the last event the base has of their user.
  uint64_t events() const;
  uint64_t duplicates() const;
  uint64_t late() const;

 private:
  LogWriter();
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace upnext::log

#endif  // UPNEXT_LOG_LOG_WRITER_H_
