#include "project/backup.h"

#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "base/checksum.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/time_text.h"
#include "bundle/manifest.h"
#include "bundle/opened_bundle.h"

namespace upnext::project {

namespace fs = std::filesystem;

namespace {

constexpr int kBackupAttempts = 5;  // while other versions become current

// Removes a folder at the end, if it is still there.
class ScratchDirectory {
 public:
  explicit ScratchDirectory(fs::path path) : path_(std::move(path)) {}
  ~ScratchDirectory() { static_cast<void>(base::RemoveAll(path_)); }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const fs::path& path() const { return path_; }

 private:
  const fs::path path_;
};

// kAlreadyExists unless there is nothing at `path`, or an empty folder.
Status CheckFree(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(path, error);
  if (status.type() == fs::file_type::not_found) return Ok();
  if (status.type() == fs::file_type::directory && fs::is_empty(path, error) && !error) return Ok();
  return AlreadyExists("{}: expected no folder of this name, or an empty one", path.string());
}

// A folder next to `to` to fill, in place of which it is renamed.
Result<fs::path> StagedNextTo(const fs::path& to) {
  const fs::path folder = to.has_parent_path() ? to.parent_path() : fs::path(".");
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(folder));
  fs::path staged = folder / fmt::format(".new-{}-{}", to.filename().string(), getpid());
  UPNEXT_RETURN_IF_ERROR(base::RemoveAll(staged));
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(staged));
  return staged;
}

// Published files never change, so a second name of one is a copy of it.
Status LinkOrCopy(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_hard_link(from, to, error);
  if (!error) return Ok();
  error.clear();
  fs::copy_file(from, to, error);
  return error ? base::OsError(error.value(), from, "back up") : Status();
}

Status LinkTree(const fs::path& from, const fs::path& to) {
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(to));
  std::error_code error;
  for (fs::recursive_directory_iterator it(from, error), end; !error && it != end;
       it.increment(error)) {
    const fs::path target = to / it->path().lexically_relative(from);
    if (it->is_directory(error)) {
      UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(target));
    } else if (it->is_regular_file(error)) {
      UPNEXT_RETURN_IF_ERROR(LinkOrCopy(it->path(), target));
    }
  }
  return error ? base::OsError(error.value(), from, "back up") : Status();
}

Status CopyOne(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::copy_file(from, to, error);
  return error ? base::OsError(error.value(), from, "copy") : Status();
}

// The current versions, and every log that they need, as folders with their CURRENT.
Status LinkVersions(const Project& project, const fs::path& to, BackupManifest* manifest) {
  UPNEXT_ASSIGN_OR_RETURN(const bundle::ServedVersions served, project.Served());
  std::set<std::string> logs = {served.log, served.newest_log};
  if (!served.bundle.empty()) {
    UPNEXT_ASSIGN_OR_RETURN(const bundle::Manifest made,
                            bundle::ReadManifest(project.bundles().Path(served.bundle)));
    // Evaluations need the log of the training; feeds do not.
    std::error_code error;
    if (fs::is_directory(project.logs().Path(made.log_version), error)) {
      logs.insert(made.log_version);
    }
    base::VersionedRoot bundles(to / "bundles");
    UPNEXT_RETURN_IF_ERROR(
        LinkTree(project.bundles().Path(served.bundle), bundles.Path(served.bundle)));
    UPNEXT_RETURN_IF_ERROR(bundles.SetCurrent(served.bundle));
  }
  logs.erase("");
  base::VersionedRoot to_logs(to / "log");
  for (const std::string& log : logs) {
    UPNEXT_RETURN_IF_ERROR(LinkTree(project.logs().Path(log), to_logs.Path(log)));
  }
  if (!served.newest_log.empty()) UPNEXT_RETURN_IF_ERROR(to_logs.SetCurrent(served.newest_log));
  manifest->bundle = served.bundle;
  manifest->log = served.newest_log;
  return Ok();
}

// Versions that an import or a training removes meanwhile are looked up anew.
Status LinkVersionsAgain(const Project& project, const fs::path& to, BackupManifest* manifest) {
  Status done = Ok();
  for (int attempt = 0; attempt < kBackupAttempts; ++attempt) {
    UPNEXT_RETURN_IF_ERROR(base::RemoveAll(to / "bundles"));
    UPNEXT_RETURN_IF_ERROR(base::RemoveAll(to / "log"));
    done = LinkVersions(project, to, manifest);
    if (done || done.error().code != Code::kNotFound) return done;
  }
  return done;
}

Result<BackupFile> Measure(const fs::path& root, const fs::path& file) {
  UPNEXT_ASSIGN_OR_RETURN(const base::MappedFile mapped, base::MappedFile::Open(file));
  return BackupFile{.path = file.lexically_relative(root).generic_string(),
                    .bytes = mapped.bytes().size(),
                    .checksum = mapped.ReadChecksum(mapped.bytes())};
}

Status MeasureAll(const fs::path& root, BackupDone* done) {
  std::error_code error;
  for (fs::recursive_directory_iterator it(root, error), end; !error && it != end;
       it.increment(error)) {
    if (!it->is_regular_file(error)) continue;
    UPNEXT_ASSIGN_OR_RETURN(BackupFile file, Measure(root, it->path()));
    done->bytes += file.bytes;
    done->manifest.files.push_back(std::move(file));
  }
  if (error) return base::OsError(error.value(), root, "list");
  std::ranges::sort(done->manifest.files, {}, &BackupFile::path);
  return Ok();
}

// Where the project's folder lies from its file, as far as it lies below that; else the default.
std::string DirectoryInBackup(const Project& project, const fs::path& project_file) {
  const fs::path folder = fs::absolute(project_file).lexically_normal().parent_path();
  const fs::path below =
      fs::absolute(project.directory()).lexically_normal().lexically_relative(folder);
  if (!below.empty() && below != "." && *below.begin() != "..") return below.generic_string();
  return (fs::path(".upnext") / project_file.stem()).generic_string();
}

// A checkpoint lies on the store's file system, because a link to another one would count as a failed
// write of the store. Its files are then linked or copied like all others.
Status LinkStore(const Project& project, const store::Store& store, const fs::path& to) {
  const ScratchDirectory checkpoint(project.directory() / fmt::format(".checkpoint-{}", getpid()));
  UPNEXT_RETURN_IF_ERROR(base::RemoveAll(checkpoint.path()));
  UPNEXT_RETURN_IF_ERROR(store.Checkpoint(checkpoint.path()));
  return LinkTree(checkpoint.path(), to);
}

}  // namespace

Result<BackupDone> WriteBackup(const Project& project, const fs::path& project_file,
                               const store::Store& store, const fs::path& to) {
  UPNEXT_RETURN_IF_ERROR(CheckFree(to));
  BackupDone done{.manifest = {.created = base::FormatTime(base::SystemClock().NowMs()),
                               .project_file = project_file.filename().string(),
                               .directory = DirectoryInBackup(project, project_file),
                               .bundle = {},
                               .log = {},
                               .files = {}}};
  UPNEXT_ASSIGN_OR_RETURN(const fs::path path, StagedNextTo(to));
  const ScratchDirectory staged(path);
  const fs::path root = staged.path() / kBackedUpProject;
  const fs::path folder = root / done.manifest.directory;
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(folder));
  // The store before the log: what an import moves from one to the other meanwhile is in both, which the
  // log's mark says, and not in neither.
  UPNEXT_RETURN_IF_ERROR(LinkStore(project, store, folder / "store"));
  UPNEXT_RETURN_IF_ERROR(LinkVersionsAgain(project, folder, &done.manifest));
  const Status keys = CopyOne(project.keys(), folder / project.keys().filename());
  if (!keys && keys.error().code != Code::kNotFound) return std::unexpected(keys.error());
  UPNEXT_RETURN_IF_ERROR(
      base::WriteFileAtomic(root / done.manifest.project_file, project.config().text()));
  UPNEXT_RETURN_IF_ERROR(MeasureAll(root, &done));
  UPNEXT_RETURN_IF_ERROR(
      base::WriteFileAtomic(staged.path() / kBackupManifest, RenderBackupManifest(done.manifest)));
  std::error_code ignored;
  fs::remove(to, ignored);  // if it is there it is empty
  UPNEXT_RETURN_IF_ERROR(base::PublishDirectory(staged.path(), to));
  return done;
}

Result<RestoreDone> RestoreBackup(const fs::path& from, const fs::path& to) {
  RestoreDone done;
  UPNEXT_ASSIGN_OR_RETURN(done.manifest, ReadBackupManifest(from));
  UPNEXT_RETURN_IF_ERROR(CheckFree(to));
  UPNEXT_ASSIGN_OR_RETURN(const fs::path path, StagedNextTo(to));
  const ScratchDirectory staged(path);
  const fs::path root = from / kBackedUpProject;
  for (const BackupFile& expected : done.manifest.files) {
    const fs::path target = staged.path() / expected.path;
    UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(target.parent_path()));
    const Status copied = CopyOne(root / expected.path, target);
    if (!copied && copied.error().code == Code::kNotFound) {
      return DataLoss("{}: is in the backup's manifest, but not there; use another backup",
                      (root / expected.path).string());
    }
    UPNEXT_RETURN_IF_ERROR(copied);
    UPNEXT_ASSIGN_OR_RETURN(const BackupFile found, Measure(staged.path(), target));
    if (found.bytes != expected.bytes || found.checksum != expected.checksum) {
      return DataLoss(
          "{}: expected {} bytes with checksum {:016x}, found {} bytes with {:016x}: the backup is "
          "damaged; use another one",
          (root / expected.path).string(), expected.bytes, expected.checksum, found.bytes,
          found.checksum);
    }
  }
  std::error_code ignored;
  fs::remove(to, ignored);
  UPNEXT_RETURN_IF_ERROR(base::PublishDirectory(staged.path(), to));
  done.project_file = to / done.manifest.project_file;
  UPNEXT_ASSIGN_OR_RETURN(const Project project,
                          Project::Load({.config = done.project_file.string()}));
  const fs::path directory = to / done.manifest.directory;
  if (project.directory().lexically_normal() != directory.lexically_normal()) {
    done.project_dir = directory.string();
  }
  return done;
}

}  // namespace upnext::project
