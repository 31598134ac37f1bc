// Which bundle is current: one change at a time, each of them recorded in bundles/changes.log (docs/formats/bundle.md).
//
//   UPNEXT_ASSIGN_OR_RETURN(const std::string version, MakeBundleCurrent(project, "v000003", "roll back"));
//
// Any number of threads and processes. None of them needs the lock of the project: while a training holds it for hours, a
// roll back takes a moment. Of several changes the last one counts.
#ifndef UPNEXT_PROJECT_CURRENT_BUNDLE_H_
#define UPNEXT_PROJECT_CURRENT_BUNDLE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "project/project.h"

namespace upnext::project {

// Makes that version the current one, after opening it as a server does; "" stands for the one before the current one. Says
// which it is. kNotFound, with the versions that there are, when it is not one of them; kFailedPrecondition when there is
// none before. `by`, for the record: what did it.
Result<std::string> MakeBundleCurrent(const Project& project, const std::string& version,
                                      std::string_view by);
// The same for one that was written just now, which nobody needs to open.
Status MakeNewBundleCurrent(const Project& project, const std::string& version,
                            std::string_view by);

// The bundle before the current one; kFailedPrecondition when there is none.
Result<std::string> PreviousBundle(const Project& project);

struct BundleChange {
  std::string time, to;
  std::string from;  // "" for the first bundle
  std::string by;
};
// The newest changes, at most `most` of them, the newest last; none of a project that no change was recorded of.
Result<std::vector<BundleChange>> BundleChanges(const Project& project, size_t most);

}  // namespace upnext::project

#endif  // UPNEXT_PROJECT_CURRENT_BUNDLE_H_
