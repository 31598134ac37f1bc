// Completions of the command line for shells, made of what it says of itself.
//
//   Print("{}", BashCompletion(DescribeCommand(app)));
//
// Pure functions.
#ifndef UPNEXT_CLI_COMPLETION_H_
#define UPNEXT_CLI_COMPLETION_H_

#include <string>

#include "cli/command_text.h"

namespace upnext::cli {

// Scripts that complete verbs, options, the values of options that have few, files and folders.
std::string BashCompletion(const CommandText& root);
std::string ZshCompletion(const CommandText& root);
std::string FishCompletion(const CommandText& root);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_COMPLETION_H_
