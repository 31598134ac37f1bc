// Bundles that are wrong in one way and right about themselves, for the tests of what a reader
// refuses.
//
//   CopyOver(other, project, "ranker.uxs");  ForgeEntries(project.bundle_folder());
//   EXPECT_EQ(ErrorOf(project.bundle_folder(), project.lineage()).code, Code::kFailedPrecondition);
#ifndef UPNEXT_BUNDLE_TEST_FORGE_H_
#define UPNEXT_BUNDLE_TEST_FORGE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "base/file.h"
#include "bundle/test_bundle.h"

namespace upnext::bundle {

inline Error ErrorOf(const std::filesystem::path& folder, std::span<const uint64_t> lineage) {
  const auto bundle = Bundle::Open(folder, lineage);
  if (!bundle) return bundle.error();
  ADD_FAILURE() << "opened, but should have been refused";
  return {};
}

inline std::vector<std::string> FilesIn(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

inline nlohmann::json ReadJson(const std::filesystem::path& path) {
  return nlohmann::json::parse(*base::ReadFile(path));
}

// A manifest that is right about itself, whatever it says.
inline void Forge(const std::filesystem::path& folder, nlohmann::json manifest) {
  manifest.erase("checksum");
  const std::string text = manifest.dump();
  manifest["checksum"] = fmt::format("{:016x}", base::Checksum(std::as_bytes(std::span(text))));
  ASSERT_TRUE(base::WriteFileAtomic(folder / "manifest.json", manifest.dump(2) + "\n"));
}

// Makes the manifest agree with what now lies in the folder.
inline void ForgeEntries(const std::filesystem::path& folder) {
  nlohmann::json manifest = ReadJson(folder / "manifest.json");
  for (nlohmann::json& part : manifest["parts"]) {
    const std::string bytes = *base::ReadFile(folder / part["file"].get<std::string>());
    part["bytes"] = bytes.size();
    part["checksum"] = fmt::format("{:016x}", base::Checksum(std::as_bytes(std::span(bytes))));
  }
  Forge(folder, manifest);
}

}  // namespace upnext::bundle

#endif  // UPNEXT_BUNDLE_TEST_FORGE_H_
