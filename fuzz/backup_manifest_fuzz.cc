// backup.json of a backup, which may come from elsewhere: docs/formats/backup.md.
#include <filesystem>

#include "fuzz/harness.h"
#include "project/backup_manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace upnext;
  const std::string_view text = fuzz::TextOf(data, size);
  const auto manifest = project::ParseBackupManifest(text, "backup.json");
  if (!manifest) {
    FUZZ_REQUIRE(manifest.error().code == Code::kDataLoss ||
                     manifest.error().code == Code::kFailedPrecondition,
                 "damaged, or of another format");
    return 0;
  }
  for (const project::BackupFile& file : manifest->files) {
    const std::filesystem::path at = ("/a/b" / std::filesystem::path(file.path)).lexically_normal();
    FUZZ_REQUIRE(at.string().starts_with("/a/b/"), "a path that leads elsewhere");
  }
  FUZZ_REQUIRE(project::RenderBackupManifest(*manifest).size() > 0, "written again");
  fuzz::Accepted();
  return 0;
}
