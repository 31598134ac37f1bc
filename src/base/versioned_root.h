// A family of versioned folders under one root, of which a file CURRENT names the one in use:
//
//   root/v000001/ root/v000002/ root/CURRENT      (used for logs and for bundles)
//
//   UPNEXT_ASSIGN_OR_RETURN(const fs::path staged, root.Begin());      ... write into it ...
//   UPNEXT_ASSIGN_OR_RETURN(const std::string version, root.Publish(staged));
//   UPNEXT_RETURN_IF_ERROR(root.SetCurrent(version));
//
// One writer at a time, which a LockFile held by the caller makes sure of; any number of readers.
#ifndef UPNEXT_BASE_VERSIONED_ROOT_H_
#define UPNEXT_BASE_VERSIONED_ROOT_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/status.h"

namespace upnext::base {

class VersionedRoot {
 public:
  explicit VersionedRoot(fs::path root) : root_(std::move(root)) {}
  // A fresh, empty folder to write the next version into: root/.new-<pid>. Clears folders of dead
  // writers and of this process.
  Result<fs::path> Begin();
  // Publishes a folder made by Begin() as the next version and returns its name ("v000003").
  // Does not touch CURRENT.
  Result<std::string> Publish(const fs::path& staged);
  Status SetCurrent(std::string_view version);  // kNotFound when there is no such version
  // kNotFound when nothing was made current yet, kDataLoss when CURRENT names no version here.
  Result<std::string> Current() const;
  // Differs after every SetCurrent, of whichever process; costs one stat. "" before the first.
  std::string CurrentMark() const;
  fs::path Path(std::string_view version) const { return root_ / version; }
  Result<std::vector<std::string>> Versions() const;  // oldest first
  const fs::path& root() const { return root_; }

 private:
  fs::path root_;
};

}  // namespace upnext::base

#endif  // UPNEXT_BASE_VERSIONED_ROOT_H_
