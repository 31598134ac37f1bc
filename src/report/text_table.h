// A table of plain text: names left-aligned in the first column, numbers right-aligned.
//
//   AppendTextTable({{"", "slope"}, {"click", "0.981"}}, &out);
//
// Pure functions.
#ifndef UPNEXT_REPORT_TEXT_TABLE_H_
#define UPNEXT_REPORT_TEXT_TABLE_H_

#include <string>
#include <vector>

namespace upnext::report {

// Rows of equally many cells, UTF-8, indented by two spaces.
void AppendTextTable(const std::vector<std::vector<std::string>>& rows, std::string* out);

}  // namespace upnext::report

#endif  // UPNEXT_REPORT_TEXT_TABLE_H_
