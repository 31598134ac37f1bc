// What this program was built of. cmake/UpnextBuildInfo.cmake makes its source, a file of its own, so that a new commit
// compiles nothing else.
//
//   BuildInfo().commit      "362ad26...", "" of a build outside a checkout
//
// Constants; any thread.
#ifndef UPNEXT_CLI_BUILD_INFO_H_
#define UPNEXT_CLI_BUILD_INFO_H_

#include <span>
#include <string_view>

namespace upnext::cli {

struct BorrowedLibrary {
  std::string_view name, version;
};
struct BuildFacts {
  std::string_view commit;
  bool is_changed = false;  // tracked files differed from the commit
  std::string_view compiler, build_type, minimum_processor;
  std::span<const BorrowedLibrary> libraries;  // with the versions that it was compiled with
};
const BuildFacts& BuildInfo();

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_BUILD_INFO_H_
