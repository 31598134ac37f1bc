// Takes users out of everything that a project keeps: store, all versions of the log, files of
// interrupted trainings and imports. Bundles hold numbers and the words of searches, which stay until
// the next training, and no names of users.
//
//   UPNEXT_ASSIGN_OR_RETURN(const Forgot done, ForgetUsers(project, {"u7"}, progress));
//
// The caller holds the project's lock. May be repeated: what was interrupted is completed.
#ifndef UPNEXT_PROJECT_FORGET_H_
#define UPNEXT_PROJECT_FORGET_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/status.h"
#include "log/event_log.h"
#include "project/project.h"

namespace upnext::project {

struct Forgot {
  uint64_t log_versions = 0;              // that were written anew
  uint64_t log_events = 0;                // left out of the current one
  std::vector<std::string> unknown = {};  // of the users: those that neither log nor store knew
  log::PostedMark deletions;              // of the store that the log has behind it now
};

// kFailedPrecondition while a server has the store: it forgets by DELETE /v1/users/{user}.
Result<Forgot> ForgetUsers(const Project& project, std::span<const std::string> users,
                           base::Progress& progress);

// Takes users out of the log who were deleted over HTTP since the last time, and notes how many events
// left it. The server may be running.
Result<Forgot> ForgetDeleted(const Project& project, base::Progress& progress);

}  // namespace upnext::project

#endif  // UPNEXT_PROJECT_FORGET_H_
