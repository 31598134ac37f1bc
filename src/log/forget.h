// Takes users out of all versions of a log: `upnext forget`, and imports after users were deleted
// over HTTP.
//
//   UPNEXT_ASSIGN_OR_RETURN(const ForgetReport report, ForgetUsers(project.logs(), who, progress));
//
// One thread; the log's root has one writer at a time. Readers that have a version open keep it.
#ifndef UPNEXT_LOG_FORGET_H_
#define UPNEXT_LOG_FORGET_H_

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "base/progress.h"
#include "base/status.h"
#include "base/versioned_root.h"
#include "log/event_log.h"

namespace upnext::log {

// The users that were deleted from a store.
struct Deletions {
  uint64_t store = 0;  // its id; 0: no store
  uint64_t last = 0;   // the sequence number of the last deletion
  // base::Fingerprint of a user -> sequence number of the last time that he was deleted.
  std::unordered_map<uint64_t, uint64_t> users;
};

struct WhomToForget {
  std::unordered_set<std::string> users;  // whatever a log says
  Deletions deletions;                    // from logs that do not have them behind them yet
};

struct ForgetReport {
  uint64_t versions = 0;                  // that were written anew
  uint64_t events = 0;                    // left out of the current one
  std::unordered_set<std::string> found;  // of `who.users`: those that a version knew
};

// Writes every version that has one of them anew, in place and in one segment: without their events,
// attributes and names, and without the names of searches that nobody else made. Their numbers stay,
// without a name, so that bundles, which hold numbers, remain valid. A version that cannot be read is
// removed, or stays if it is the current one; a note says so. Each version is replaced at
// once; if this is interrupted, the same call completes it. kCancelled when `progress` was asked to
// stop.
Result<ForgetReport> ForgetUsers(base::VersionedRoot root, const WhomToForget& who,
                                 base::Progress& progress);

}  // namespace upnext::log

#endif  // UPNEXT_LOG_FORGET_H_
