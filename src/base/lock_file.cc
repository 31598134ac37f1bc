#include "base/lock_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <thread>
#include <utility>

#include "base/file.h"

namespace upnext::base {
namespace {

// The process id that the holder wrote, or "" when it has not written one yet.
std::string Holder(int fd) {
  char text[32];
  const ssize_t size = pread(fd, text, sizeof(text), 0);
  std::string pid;
  for (ssize_t i = 0; i < size && text[i] >= '0' && text[i] <= '9'; ++i) pid.push_back(text[i]);
  return pid;
}

}  // namespace

Result<LockFile> LockFile::Acquire(const fs::path& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return OsError(errno, path, "open the lock file");
  LockFile lock(fd);
  int failed = 0;
  do {
    failed = flock(fd, LOCK_EX | LOCK_NB);
  } while (failed != 0 && errno == EINTR);
  if (failed != 0 && errno == EWOULDBLOCK) {
    const std::string pid = Holder(fd);
    // Closed without the destructor, which would erase the holder's process id.
    close(std::exchange(lock.fd_, -1));
    return Aborted("{}: expected to be the only writer, but {} holds the lock; wait until it ends",
                   path.string(), pid.empty() ? "another process" : "process " + pid);
  }
  if (failed != 0) {
    const int error = errno;
    close(std::exchange(lock.fd_, -1));
    return OsError(error, path, "lock");
  }
  const std::string pid = std::to_string(getpid()) + "\n";
  if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) < 0) {
    return OsError(errno, path, "write the process id");
  }
  return lock;
}

Result<LockFile> LockFile::AcquireWithin(const fs::path& path, std::chrono::milliseconds patience) {
  constexpr auto kPause = std::chrono::milliseconds(5);
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    Result<LockFile> lock = Acquire(path);
    const bool is_held = !lock && lock.error().code == Code::kAborted;
    if (!is_held || std::chrono::steady_clock::now() >= end) return lock;
    std::this_thread::sleep_for(kPause);
  }
}

LockFile::LockFile(LockFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

LockFile& LockFile::operator=(LockFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

LockFile::~LockFile() {
  if (fd_ < 0) return;
  // Otherwise the next contender could read our id before the next holder has written its own.
  [[maybe_unused]] const int ignored = ftruncate(fd_, 0);
  close(fd_);
}

}  // namespace upnext::base
