// What is known of the log behind the feeds of a verb.
#ifndef UPNEXT_CLI_OLDER_LOG_H_
#define UPNEXT_CLI_OLDER_LOG_H_

#include "base/status.h"
#include "project/project.h"

namespace upnext::cli {

// A line on stderr when feeds rest on an older log than the current one.
Status TellOlderLog(const project::Project& project);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_OLDER_LOG_H_
