// Appends formatted text to a string: AppendFormat(&out, "<td>{:.2f}</td>", value).
#ifndef UPNEXT_REPORT_APPEND_FORMAT_H_
#define UPNEXT_REPORT_APPEND_FORMAT_H_

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <utility>

namespace upnext::report {

template <typename... Args>
void AppendFormat(std::string* out, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(*out), format, std::forward<Args>(args)...);
}

}  // namespace upnext::report

#endif  // UPNEXT_REPORT_APPEND_FORMAT_H_
