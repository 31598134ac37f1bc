#include "cli/older_log.h"

#include <string>

#include "bundle/opened_bundle.h"
#include "cli/output.h"

namespace upnext::cli {

Status TellOlderLog(const project::Project& project) {
  UPNEXT_ASSIGN_OR_RETURN(const bundle::ServedVersions served, project.Served());
  if (const std::string note = served.Note(); !note.empty()) Tell("note: {}\n", note);
  return Ok();
}

}  // namespace upnext::cli
