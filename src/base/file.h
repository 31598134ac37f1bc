// File access: read whole, map read-only, and publish without a half-written state ever being
// visible (temporary name, fsync, rename, fsync of the folder).
//
//   UPNEXT_ASSIGN_OR_RETURN(MappedFile file, MappedFile::Open(path));
//   UPNEXT_RETURN_IF_ERROR(WriteFileAtomic(path, bytes));
//
// Errors contain the path and the operating system's message: kNotFound, kPermissionDenied,
// kResourceExhausted (disk full), kInternal for all others.
#ifndef UPNEXT_BASE_FILE_H_
#define UPNEXT_BASE_FILE_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace upnext::base {

namespace fs = std::filesystem;

// The error of a failed system call: "PATH: cannot DOING: SYSTEM MESSAGE", with a code as above.
[[nodiscard]] std::unexpected<Error> OsError(int error_number, const fs::path& path,
                                             std::string_view doing);

// A read-only memory map of a whole file. Movable; unmaps on destruction. An empty file maps to an
// empty span. Safe to read from many threads.
class MappedFile {
 public:
  static Result<MappedFile> Open(const fs::path& path);
  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const fs::path& path() const { return path_; }
  // Drops these bytes, a part of bytes(), from the process's resident memory. They stay in the page
  // cache and become resident again when they are read.
  void Release(std::span<const std::byte> bytes) const;
  // Checksum() (checksum.h) of a part of bytes(), computed in pieces, so that a large part does not
  // become resident as a whole.
  uint64_t ReadChecksum(std::span<const std::byte> bytes) const;

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  fs::path path_;
};

// Writes sequentially to `path` + ".tmp-<pid>-<n>". Commit() renames it to `path` in one step; a
// writer destroyed without Commit() removes its file. One thread at a time.
class AtomicFileWriter {
 public:
  static Result<AtomicFileWriter> Create(const fs::path& path);
  AtomicFileWriter(AtomicFileWriter&& other) noexcept;
  AtomicFileWriter& operator=(AtomicFileWriter&&) = delete;
  ~AtomicFileWriter();

  Status Append(std::span<const std::byte> bytes);
  Status WriteAt(size_t offset, std::span<const std::byte> bytes);  // e.g. a header, at the end
  Status Commit();                                                  // fsync, rename, fsync folder
  size_t offset() const { return offset_; }
  const fs::path& path() const { return path_; }

 private:
  AtomicFileWriter() = default;
  Status Flush();
  int fd_ = -1;
  size_t offset_ = 0;              // bytes appended so far, buffered ones too
  std::vector<std::byte> buffer_;  // appended but not yet written
  fs::path path_, temporary_;
};

// Removes what writers of `path` left that ended before Commit(). No other one runs now.
Status RemoveHalfWritten(const fs::path& path);

Result<std::string> ReadFile(const fs::path& path);
Status WriteFileAtomic(const fs::path& path, std::string_view bytes);
Status MakeDirectories(const fs::path& path);
Status RemoveAll(const fs::path& path);
Status SyncDirectory(const fs::path& path);
// Renames a finished folder into place; `to` must not exist (kAlreadyExists). Syncs every file and
// folder below `from` first and the parent of `to` last, so a crash shows all of it or nothing.
Status PublishDirectory(const fs::path& from, const fs::path& to);

}  // namespace upnext::base

#endif  // UPNEXT_BASE_FILE_H_
