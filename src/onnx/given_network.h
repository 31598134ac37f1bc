// The files of a network of others as a part of a bundle has them: what a ranker and a user encoder have
// in common (docs/formats/onnx_ranker.md, onnx_encoder.md).
//
//   UPNEXT_RETURN_IF_ERROR(given.Save(writer, features_digest, options));
//   UPNEXT_ASSIGN_OR_RETURN(const GivenNetwork same, GivenNetwork::Load(file, features_digest));
//
// A value.
#ifndef UPNEXT_ONNX_GIVEN_NETWORK_H_
#define UPNEXT_ONNX_GIVEN_NETWORK_H_

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "base/section_file.h"
#include "base/status.h"
#include "features/feature_statistics.h"
#include "onnx/inputs.h"

namespace upnext::onnx {

// The section with JSON, and the ones with the network's bytes and the digest.
inline constexpr char kNetworkOptions[] = "options", kNetworkBytes[] = "network",
                      kNetworkDigest[] = "features_digest";

struct GivenNetwork {
  std::string name = {};      // of the file that it comes from, for people
  std::string bytes = {};     // of that file
  std::string manifest = {};  // the text of its manifest
  VocabularyRows rows = {};   // of the statistics of the examples

  // Adds its sections; `options`: more keys of the JSON.
  Status Save(base::SectionWriter& writer, uint64_t features_digest,
              nlohmann::json options = nlohmann::json::object()) const;
  // kFailedPrecondition when the file was written with other tables, kDataLoss when it holds anything
  // that Save could not have written.
  static Result<GivenNetwork> Load(const base::SectionFile& file, uint64_t features_digest);
  // kDataLoss unless the tables have the rows of the examples and those that came since. `path`: of the
  // part.
  Status CheckRows(const features::FeatureStatistics& tables,
                   const std::filesystem::path& path) const;
};

}  // namespace upnext::onnx

#endif  // UPNEXT_ONNX_GIVEN_NETWORK_H_
