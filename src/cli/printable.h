// Text of a log as one line of a terminal: titles come from other people.
//
//   Print("{}\n", Printable(item.title));          "red\x1b[0m\ttab" has no control character
//
// A function without state: any number of threads.
#ifndef UPNEXT_CLI_PRINTABLE_H_
#define UPNEXT_CLI_PRINTABLE_H_

#include <string>
#include <string_view>

namespace upnext::cli {

// With \t, \n, \r and \xNN for control characters, \u{NNNN} for those beyond ASCII, line separators
// and marks that change the direction of text.
std::string Printable(std::string_view text);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_PRINTABLE_H_
