// Puts the segments that appends added to a log together to one: `upnext import --compact`.
//
//   UPNEXT_ASSIGN_OR_RETURN(CompactReport report, Compact(project / "log", progress));
//
// One thread; the log's root has one writer at a time.
#ifndef UPNEXT_LOG_COMPACT_H_
#define UPNEXT_LOG_COMPACT_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/status.h"
#include "base/versioned_root.h"
#include "log/event_log.h"

namespace upnext::log {

struct CompactReport {
  std::string version;    // the current one now
  uint32_t segments = 0;  // before
  uint64_t events = 0;
  double seconds = 0;
};

// Writes the current log of `log_root` (a base::VersionedRoot) anew as its next version and makes
// that current; a log of one segment stays as it is. kNotFound when there is no log, kCancelled
// when `progress` was asked to stop; on any error the current version stays.
Result<CompactReport> Compact(const std::filesystem::path& log_root, base::Progress& progress);

// What a log is written without.
struct Forgotten {
  std::vector<std::vector<bool>> names;  // by id space; users lose their events and attributes too
  PostedMark posted = {};                // of the log without them
};

// Writes `log` into the (existing, empty) folder in one segment: the same names and numbers, so the
// same digest, and the same rows and attributes; without what is forgotten, if that is not null. Then
// too the numbers stay, and the digest of the log is an ancestor.
Status WriteCompactedLog(const std::filesystem::path& directory, const EventLog& log,
                         base::Progress& progress, const Forgotten* forgotten = nullptr);

}  // namespace upnext::log

#endif  // UPNEXT_LOG_COMPACT_H_
