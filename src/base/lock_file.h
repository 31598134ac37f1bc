// Ensures that only one process at a time writes to a folder.
//
//   UPNEXT_ASSIGN_OR_RETURN(LockFile lock, LockFile::Acquire(project / ".lock"));
//
// The lock is the operating system's (flock) and ends with the process, including on a crash. The
// file stays and has no meaning without the lock. A second Acquire within one process fails too.
#ifndef UPNEXT_BASE_LOCK_FILE_H_
#define UPNEXT_BASE_LOCK_FILE_H_

#include <chrono>
#include <filesystem>

#include "base/status.h"

namespace upnext::base {

class LockFile {
 public:
  // Does not wait: kAborted, with the holder's process id, when the lock is held. Creates the file,
  // but not its folder.
  static Result<LockFile> Acquire(const std::filesystem::path& path);
  // Waits as long as `patience`, for locks that are held for moments.
  static Result<LockFile> AcquireWithin(const std::filesystem::path& path,
                                        std::chrono::milliseconds patience);
  LockFile(LockFile&& other) noexcept;
  LockFile& operator=(LockFile&& other) noexcept;
  ~LockFile();

 private:
  explicit LockFile(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace upnext::base

#endif  // UPNEXT_BASE_LOCK_FILE_H_
