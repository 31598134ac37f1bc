#include "cli/own_program.h"

namespace upnext::cli {

OwnProgram ThisProgram(const project::Location& location) {
  OwnProgram program{.path = "/proc/self/exe", .project_flags = {"-c", location.config}};
  if (!location.directory.empty()) {
    program.project_flags.insert(program.project_flags.end(),
                                 {"--project-dir", location.directory});
  }
  if (!location.data.empty()) program.data_flags = {"--data", location.data};
  return program;
}

}  // namespace upnext::cli
