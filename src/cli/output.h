// stdout and stderr for verbs. A closed pipe or a full disk is no exception here: main() asks once
// at the end whether everything was written.
#ifndef UPNEXT_CLI_OUTPUT_H_
#define UPNEXT_CLI_OUTPUT_H_

#include <fmt/format.h>

#include <cstdio>
#include <string_view>
#include <utility>

namespace upnext::cli {

inline void Write(std::FILE* to, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), to);
}
// Data, to stdout.
template <typename... Args>
void Print(fmt::format_string<Args...> format, Args&&... args) {
  Write(stdout, fmt::format(format, std::forward<Args>(args)...));
}
// What is told beside the data, to stderr.
template <typename... Args>
void Tell(fmt::format_string<Args...> format, Args&&... args) {
  Write(stderr, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_OUTPUT_H_
