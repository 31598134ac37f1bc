// A guide as a manual page: the Markdown of docs/guides as the text that `man` reads (man(7)).
//
//   std::string page = TitleOfManual({.name = "upnext.toml", .section = 5}, "upnext 0.1.0") + ManualOf(guide.text);
//
// Pure functions.
#ifndef UPNEXT_GUIDES_MANUAL_H_
#define UPNEXT_GUIDES_MANUAL_H_

#include <string>
#include <string_view>

namespace upnext::guides {

// Text without meaning to roff: backslashes, dashes and a first dot or quote are escaped.
std::string EscapedForRoff(std::string_view text);
// The same with `code` and **strong** words in bold, and links as their words.
std::string RoffOfMarkdown(std::string_view line);

// The line that a manual page begins with. No date, so that a page changes with its text alone.
std::string ManualTitle(std::string_view name, int section, std::string_view version);

// Headings, paragraphs, lists, tables and blocks of code of a text, without its title. A row of a table becomes an entry
// under its first cell: a column `default` is said as such, other columns follow.
std::string ManualOf(std::string_view markdown);

}  // namespace upnext::guides

#endif  // UPNEXT_GUIDES_MANUAL_H_
