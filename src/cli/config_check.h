// What `upnext config check` says of a project file, before it is used: its mistakes, and what has no effect.
//
//   for (const Finding& one : CheckConfig(location, known_variables)) ...
//
// Reads the project file, the heads of the files that its SELECTs name, and certificates; changes nothing. One thread.
#ifndef UPNEXT_CLI_CONFIG_CHECK_H_
#define UPNEXT_CLI_CONFIG_CHECK_H_

#include <set>
#include <string>
#include <vector>

#include "cli/doctor.h"
#include "project/project.h"

namespace upnext::cli {

// `known_variables`: those of the environment that the program reads. Others that begin with UPNEXT_ are warned of.
std::vector<Finding> CheckConfig(const project::Location& location,
                                 const std::set<std::string>& known_variables);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_CONFIG_CHECK_H_
