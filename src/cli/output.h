// stdout and stderr for verbs. Write errors, such as a closed pipe or a full disk, are not reported
// here: main() checks at the end whether everything was written.
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
// Messages, to stderr.
template <typename... Args>
void Tell(fmt::format_string<Args...> format, Args&&... args) {
  Write(stderr, fmt::format(format, std::forward<Args>(args)...));
}

// What becomes of a version that a verb has made current.
inline constexpr std::string_view kTakenUp = "running servers take it up within seconds";

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_OUTPUT_H_
