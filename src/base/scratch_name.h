// A name for a folder or file that one run of a function has for itself, among processes and threads.
//
//   const fs::path scratch = project.directory() / base::ScratchName(".reach");      .reach-1234-5
//
// Any number of threads.
#ifndef UPNEXT_BASE_SCRATCH_NAME_H_
#define UPNEXT_BASE_SCRATCH_NAME_H_

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace upnext::base {

inline std::string ScratchName(std::string_view purpose) {
  static std::atomic<uint64_t> number = 0;
  return fmt::format("{}-{}-{}", purpose, getpid(), number.fetch_add(1));
}

}  // namespace upnext::base

#endif  // UPNEXT_BASE_SCRATCH_NAME_H_
