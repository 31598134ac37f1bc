// Joins what one import read, a log of its own, to the log that there is: with everything in it
// (`upnext import --append`), or with its numbers alone (`upnext import`).
//
//   UPNEXT_ASSIGN_OR_RETURN(AppendCounts counts,
//                           WriteJoinedLog(folder, base, part, mentioned, progress));
//   if (WhyNumberAfresh(base, part).empty()) {
//     UPNEXT_RETURN_IF_ERROR(WriteContinuedLog(folder, base, part, progress));
//   }
//
// One thread.
#ifndef UPNEXT_LOG_APPEND_H_
#define UPNEXT_LOG_APPEND_H_

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/status.h"
#include "log/event_log.h"
#include "schema/raw_event.h"

namespace upnext::log {

// The items and users of a log, by number, that the tables of items and users had a row for: what
// such a row says takes the place of what was known, also where it says that nothing is.
struct Mentioned {
  std::vector<bool> items, users;
};

struct AppendCounts {
  uint64_t events = 0;      // added
  uint64_t duplicates = 0;  // left out, because the base has them
  uint64_t late = 0;        // of those added: earlier than the last one the base has of their user
};

// Writes `base` with everything of `part` into the (existing, empty) folder: names of the base keep
// their numbers, its event files stay the same files, the events of the part become one segment.
// The joined log has the posted events that the part says, if it says any, else those of the base.
// kCancelled when `progress` was asked to stop, kResourceExhausted at too many segments.
Result<AppendCounts> WriteJoinedLog(const std::filesystem::path& directory, const EventLog& base,
                                    const EventLog& part, const Mentioned& mentioned,
                                    base::Progress& progress);

// Writes `part` into the (existing, empty) folder with the numbers that names have in `base`; other
// names get the next ones. Items and users of the base that the part does not have are gone
// (EventLog::gone). What was made from the base can be used with the log that is written.
// kCancelled when `progress` was asked to stop.
Status WriteContinuedLog(const std::filesystem::path& directory, const EventLog& base,
                         const EventLog& part, base::Progress& progress);
// "", or why the numbers of the base should not be kept: another schema, or more than half of the
// numbers of an id space would stand for names that the part does not have.
std::string WhyNumberAfresh(const EventLog& base, const EventLog& part);

// WriteJoinedLog with rows in memory as the part, for tests and small tools. Uses the folder `directory`
// + ".part" on the way.
Status WriteAppendedLog(const std::filesystem::path& directory, const EventLog& base,
                        std::span<const schema::RawEvent> events,
                        std::span<const schema::RawItem> items,
                        std::span<const schema::RawUser> users);

}  // namespace upnext::log

#endif  // UPNEXT_LOG_APPEND_H_
