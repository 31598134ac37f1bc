// Manual pages of the command line, made of what it says of itself, and of the project file, made of its guide.
//
//   for (const ManualPage& page : ManualPages(DescribeCommand(app), "0.1.0")) ... page.file "upnext-train.1"
//
// Pure functions.
#ifndef UPNEXT_CLI_MAN_PAGE_H_
#define UPNEXT_CLI_MAN_PAGE_H_

#include <string>
#include <string_view>
#include <vector>

#include "cli/command_text.h"

namespace upnext::cli {

struct ManualPage {
  std::string file;  // "upnext-train.1"
  std::string text;  // as man(7) has it
};

// upnext.1, a page for each verb, and upnext.toml.5.
std::vector<ManualPage> ManualPages(const CommandText& root, std::string_view version);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_MAN_PAGE_H_
