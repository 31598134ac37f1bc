#include "report/text_table.h"

#include <algorithm>
#include <cstddef>

namespace upnext::report {
namespace {

size_t WidthOf(const std::string& text) {
  const auto starts = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  return static_cast<size_t>(std::ranges::count_if(text, starts));
}

}  // namespace

void AppendTextTable(const std::vector<std::vector<std::string>>& rows, std::string* out) {
  std::vector<size_t> widths;
  for (const std::vector<std::string>& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], WidthOf(row[c]));
  }
  for (const std::vector<std::string>& row : rows) {
    *out += " ";
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string padding(widths[c] - WidthOf(row[c]), ' ');
      *out += " ";
      *out += c == 0 ? row[c] + padding : " " + padding + row[c];
    }
    out->erase(out->find_last_not_of(' ') + 1);
    *out += "\n";
  }
}

}  // namespace upnext::report
