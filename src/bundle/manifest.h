// manifest.json of a bundle: how it was made, and every part with its checksum
// (docs/formats/bundle.md).
//
//   UPNEXT_ASSIGN_OR_RETURN(Manifest manifest, ReadManifest(directory));
//
// A value; functions without state: any number of threads.
#ifndef UPNEXT_BUNDLE_MANIFEST_H_
#define UPNEXT_BUNDLE_MANIFEST_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "retrieval/feed_order.h"

namespace upnext::bundle {

struct PartEntry {
  std::string name;  // "ranker"
  std::string file;  // "ranker.uxs", in the folder of the bundle
  std::string kind;  // of the file, and the version of that kind
  uint32_t version = 0;
  uint64_t bytes = 0, checksum = 0;  // of the file: size and XXH3
};

struct Manifest {
  std::string version;      // "v000003": the folder's name
  std::string created;      // ISO-8601, UTC
  std::string log_version;  // the log it was trained on, kept as long as this bundle is current
  uint64_t log_digest = 0, features_digest = 0;
  std::string upnext_version, split, machine;
  std::string labels;  // what was positive and what the history, as PositiveRule::ToText
  uint64_t seed = 0;
  bool forced = false;  // published with --force although the gate said no ...
  std::string gate;     // ... for this reason
  retrieval::FeedOrder order = {};
  std::string index;  // what the index of the candidate model is and finds; empty: there is none
  // By objective of the ranker, over the impressions of the test part where it is observed. Empty without a ranker, and
  // in bundles made before there was such a key.
  std::map<std::string, double> prediction_means = {};
  std::vector<PartEntry> parts;
};

// Replaces the manifest of the folder.
Status WriteManifest(const std::filesystem::path& directory, const Manifest& manifest);
// manifest.json alone, well-formed and of a known format.
Result<Manifest> ReadManifest(const std::filesystem::path& directory);
// Sets size and checksum to those of the file.
Status MeasurePart(const std::filesystem::path& directory, PartEntry* part);
// The manifest, after checking the size and checksum of every file, without opening the models
// (`upnext inspect`).
Result<Manifest> VerifyBundle(const std::filesystem::path& directory);

}  // namespace upnext::bundle

#endif  // UPNEXT_BUNDLE_MANIFEST_H_
