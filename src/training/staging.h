// A folder that a version is written into. It is removed unless it became a version.
//
//   UPNEXT_ASSIGN_OR_RETURN(Staging staging, Staging::Begin(project.bundles()));
//   ... write into staging.path() ...
//   UPNEXT_ASSIGN_OR_RETURN(const std::string version, staging.Publish());
//
// One thread at a time, with the project's lock held.
#ifndef UPNEXT_TRAINING_STAGING_H_
#define UPNEXT_TRAINING_STAGING_H_

#include <filesystem>
#include <string>

#include "base/file.h"
#include "base/status.h"
#include "base/versioned_root.h"

namespace upnext::training {

class Staging {
 public:
  static Result<Staging> Begin(base::VersionedRoot root);
  Staging(Staging&& other) noexcept;
  Staging& operator=(Staging&&) = delete;
  ~Staging();

  const std::filesystem::path& path() const { return path_; }
  // Makes the folder the next version; its name. Which one is current stays as it is.
  Result<std::string> Publish();

 private:
  Staging(base::VersionedRoot root, std::filesystem::path path);
  base::VersionedRoot root_;
  std::filesystem::path path_;  // empty when there is nothing to remove
};

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_STAGING_H_
