// How to run this program on the same project, as a child process.
#ifndef UPNEXT_CLI_OWN_PROGRAM_H_
#define UPNEXT_CLI_OWN_PROGRAM_H_

#include <string>
#include <vector>

#include "project/project.h"

namespace upnext::cli {

struct OwnProgram {
  std::string path;
  std::vector<std::string> project_flags;    // -c and others, without --data
  std::vector<std::string> data_flags = {};  // --data, or nothing
};

// The program that runs, also after an upgrade has put another in its place.
OwnProgram ThisProgram(const project::Location& location);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_OWN_PROGRAM_H_
