// Text with the ASCII letters A to Z in lower case, as names in project files and SQL are compared.
//
//   LowerCase("Item_ID") == "item_id"
#ifndef UPNEXT_BASE_LOWER_CASE_H_
#define UPNEXT_BASE_LOWER_CASE_H_

#include <string>
#include <string_view>

namespace upnext::base {

inline std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace upnext::base

#endif  // UPNEXT_BASE_LOWER_CASE_H_
