// manifest.json: what a bundle is made of and what it was made from. Its checksum covers the file
// itself, and it names every other file with size and checksum (docs/formats/bundle.md).
//
//   UPNEXT_ASSIGN_OR_RETURN(const Manifest manifest, ReadManifest(bundles.Path(version)));
//
// Functions of their arguments alone: any thread.
#ifndef UPNEXT_BUNDLE_MANIFEST_H_
#define UPNEXT_BUNDLE_MANIFEST_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/status.h"
#include "features/positive_rule.h"

namespace upnext::bundle {

struct FileEntry {
  std::string name;
  uint64_t bytes, checksum;
};

struct Manifest {
  std::string version;      // "v000003": the folder's name
  std::string created;      // ISO-8601, UTC
  std::string log_version;  // the log it was trained on, kept as long as this bundle is current
  uint64_t log_digest = 0, features_digest = 0;
  std::string upnext_version, split, machine;
  std::string labels;  // what counted as a complete watch, see LabelsOf
  uint64_t seed = 0;
  bool forced = false;  // published with --force although the gate said no ...
  std::string gate;     // ... for this reason
  std::vector<FileEntry> files;
};

// The rule in words, as manifests keep it. States folded by one rule mean something else under
// another, so CheckLabels refuses a bundle whose rule differs from `rule` (kFailedPrecondition).
std::string LabelsOf(const features::PositiveRule& rule);
Status CheckLabels(const Manifest& manifest, const features::PositiveRule& rule);

Status WriteManifest(const std::filesystem::path& directory, const Manifest& manifest);
// manifest.json alone, well-formed and of a known format.
Result<Manifest> ReadManifest(const std::filesystem::path& directory);
// The manifest, after checking the size and checksum of every file, without opening the models
// (`upnext inspect`).
Result<Manifest> VerifyBundle(const std::filesystem::path& directory);
// The entry of a file of this folder, as it is on disk now.
Result<FileEntry> DescribeFile(const std::filesystem::path& directory, const std::string& name);

}  // namespace upnext::bundle

#endif  // UPNEXT_BUNDLE_MANIFEST_H_
