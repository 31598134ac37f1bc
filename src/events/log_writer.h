// Writes a log folder from rows that are sorted already, with memory that does not grow with their
// number (only with the number of users and names). WriteEventLog and Import are its two callers.
//
//   UPNEXT_ASSIGN_OR_RETURN(LogWriter writer, LogWriter::Create(folder, {.shards = 1}));
//   for (IdSpace s : all) { writer.BeginDictionary(s, n); for (name : names) writer.AddName(name);
//   } for (item : dictionary order) writer.AddItem(...);       exactly one per name, as for users
//   for (event : by shard, user, time, arrival) writer.AddEvent(user, event);
//   UPNEXT_RETURN_IF_ERROR(writer.Finish());
//
// Calls must come in that order; a row out of order or out of bounds is kInternal. One thread.
#ifndef UPNEXT_EVENTS_LOG_WRITER_H_
#define UPNEXT_EVENTS_LOG_WRITER_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "base/status.h"
#include "events/event_log.h"
#include "events/schema.h"

namespace upnext::events {

struct LogWriterOptions {
  uint32_t shards = 1;  // [1, 65536]
};

class LogWriter {
 public:
  // The folder must exist and be empty.
  static Result<LogWriter> Create(const std::filesystem::path& directory,
                                  const LogWriterOptions& options);
  LogWriter(LogWriter&&) noexcept;
  ~LogWriter();

  // Spaces in the order of their numbers, each exactly once; names by (length, bytes), none empty.
  Status BeginDictionary(IdSpace space, uint64_t names);
  Status AddName(std::string_view name);

  Status AddItem(const Item& item);
  Status AddUser(const User& user);
  Status AddEvent(uint32_t user, const Event& event);
  // Writes everything that is still open, the meta file last: a folder without it is no log.
  Status Finish();

  uint64_t events() const;

 private:
  LogWriter();
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

// "" when the event may stand in a log, else why not ("a search has no item").
std::string_view WhyNotAnEvent(const Event& event);

}  // namespace upnext::events

#endif  // UPNEXT_EVENTS_LOG_WRITER_H_
