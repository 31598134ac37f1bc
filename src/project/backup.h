// Backups of a project, also while its server runs: the store as of one moment (hard links of its
// files), the current bundle with the logs that it needs, the current log, the keys and the project file.
//
//   UPNEXT_ASSIGN_OR_RETURN(const BackupDone done, WriteBackup(project, "shop.toml", *store, "/backups/monday"));
//   UPNEXT_ASSIGN_OR_RETURN(const RestoreDone back, RestoreBackup("/backups/monday", "/srv/shop"));
//
// Any number of threads; two backups at a time need two folders. What a user did who is forgotten later
// remains in a backup that was made before.
#ifndef UPNEXT_PROJECT_BACKUP_H_
#define UPNEXT_PROJECT_BACKUP_H_

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/status.h"
#include "project/backup_manifest.h"
#include "project/project.h"
#include "store/store.h"

namespace upnext::project {

struct BackupDone {
  BackupManifest manifest;
  uint64_t bytes = 0;  // of all files; those that are links need none of their own
};

// Every event that was acknowledged before the call is in the backup: in its store or in its log. `to`
// must not exist, or be an empty folder; it is there when the backup is complete and verified, not before.
// Files are linked where `to` is on the same file system, else copied.
Result<BackupDone> WriteBackup(const Project& project, const std::filesystem::path& project_file,
                               const store::Store& store, const std::filesystem::path& to);

struct RestoreDone {
  BackupManifest manifest;
  std::filesystem::path project_file;  // where it is now
  // What has to be given as --project-dir, since the project file names another folder; "": nothing.
  std::string project_dir;
};

// Copies a backup, with each file's checksum verified, to a folder that must not exist or be empty:
// kAlreadyExists. On error the folder is as it was.
Result<RestoreDone> RestoreBackup(const std::filesystem::path& from,
                                  const std::filesystem::path& to);

}  // namespace upnext::project

#endif  // UPNEXT_PROJECT_BACKUP_H_
