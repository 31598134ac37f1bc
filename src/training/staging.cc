#include "training/staging.h"

#include <utility>

namespace upnext::training {

Result<Staging> Staging::Begin(base::VersionedRoot root) {
  UPNEXT_ASSIGN_OR_RETURN(std::filesystem::path path, root.Begin());
  return Staging(std::move(root), std::move(path));
}

Staging::Staging(base::VersionedRoot root, std::filesystem::path path)
    : root_(std::move(root)), path_(std::move(path)) {}

Staging::Staging(Staging&& other) noexcept
    : root_(other.root_), path_(std::exchange(other.path_, {})) {}

Staging::~Staging() {
  if (!path_.empty()) (void)base::RemoveAll(path_);
}

Result<std::string> Staging::Publish() {
  UPNEXT_ASSIGN_OR_RETURN(std::string version, root_.Publish(path_));
  path_.clear();
  return version;
}

}  // namespace upnext::training
