// backup.json of a backup: what it is of, and every file with its size and checksum
// (docs/formats/backup.md). Written last, so a folder without it is no backup.
//
//   UPNEXT_ASSIGN_OR_RETURN(const BackupManifest manifest, ReadBackupManifest(folder));
//
// Values and functions without state.
#ifndef UPNEXT_PROJECT_BACKUP_MANIFEST_H_
#define UPNEXT_PROJECT_BACKUP_MANIFEST_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace upnext::project {

struct BackupFile {
  std::string path;  // below the folder project/ of the backup, with / between names
  uint64_t bytes = 0, checksum = 0;
};
struct BackupManifest {
  std::string created;
  std::string project_file;  // "shop.toml"
  std::string directory;     // of the project, relative to that file: ".upnext/shop"
  std::string bundle, log;   // the current versions, "" for none
  std::vector<BackupFile> files;
};

std::string RenderBackupManifest(const BackupManifest& manifest);
// kDataLoss for what is none, for one that was changed after it was written, and for a path that leads
// out of the backup; kFailedPrecondition for another format. `name` stands for the file in messages.
Result<BackupManifest> ParseBackupManifest(std::string_view text, std::string_view name);
Result<BackupManifest> ReadBackupManifest(const std::filesystem::path& backup);

inline constexpr std::string_view kBackupManifest = "backup.json";
inline constexpr std::string_view kBackedUpProject = "project";  // the folder of the files

}  // namespace upnext::project

#endif  // UPNEXT_PROJECT_BACKUP_MANIFEST_H_
