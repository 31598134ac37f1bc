#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

#include "base/checksum.h"

namespace upnext::base {
namespace {

constexpr size_t kWriteBuffer = size_t{1} << 18;
constexpr size_t kMaxTransfer = size_t{1} << 30;  // Linux moves at most 2 GiB - 4 KiB a call

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// The folder of `path`, where a bare name means the current one.
fs::path Folder(const fs::path& path) {
  const fs::path folder = path.parent_path();
  return folder.empty() ? fs::path(".") : folder;
}

Status WriteAllAt(int fd, size_t offset, std::span<const std::byte> bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t written =
        pwrite(fd, bytes.data(), std::min(bytes.size(), kMaxTransfer), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return OsError(errno, path, "write");
    offset += static_cast<size_t>(written);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return Ok();
}

Status SyncPath(const fs::path& path, int flags) {
  const Descriptor file(open(path.c_str(), flags | O_CLOEXEC));
  if (file.get() < 0) return OsError(errno, path, "open");
  // EINVAL: this file system (some network and read-only ones) does not support sync.
  if (fsync(file.get()) != 0 && errno != EINVAL) return OsError(errno, path, "sync");
  return Ok();
}

Status SyncTree(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const fs::file_status status = it->symlink_status(error);
    if (error) break;
    if (fs::is_directory(status)) UPNEXT_RETURN_IF_ERROR(SyncTree(it->path()));
    if (fs::is_regular_file(status)) UPNEXT_RETURN_IF_ERROR(SyncPath(it->path(), O_RDONLY));
  }
  if (error) return OsError(error.value(), folder, "list");
  return SyncDirectory(folder);
}

// Rename that never replaces. Returns an errno.
int RenameNoReplace(const fs::path& from, const fs::path& to) {
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  // The file system does not support the flag: check first. The caller's lock excludes other
  // writers.
  struct stat ignored;
  if (lstat(to.c_str(), &ignored) == 0) return EEXIST;
  return rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

}  // namespace

std::unexpected<Error> OsError(int error_number, const fs::path& path, std::string_view doing) {
  Code code = Code::kInternal;
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      code = Code::kNotFound;
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      code = Code::kPermissionDenied;
      break;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
      code = Code::kResourceExhausted;
      break;
    case EEXIST:
    case ENOTEMPTY:
      code = Code::kAlreadyExists;
      break;
    default:
      break;
  }
  return MakeError(code, fmt::format("{}: cannot {}: {}", path.string(), doing,
                                     std::generic_category().message(error_number)));
}

Result<MappedFile> MappedFile::Open(const fs::path& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return OsError(errno, path, "open");
  struct stat info;
  if (fstat(file.get(), &info) != 0) return OsError(errno, path, "look up");
  if (!S_ISREG(info.st_mode)) {
    return InvalidArgument("{}: expected a regular file, found {}", path.string(),
                           S_ISDIR(info.st_mode) ? "a folder" : "a device or pipe");
  }
  MappedFile mapped;
  mapped.path_ = path;
  mapped.size_ = static_cast<size_t>(info.st_size);
  if (mapped.size_ == 0) return mapped;
  void* data = mmap(nullptr, mapped.size_, PROT_READ, MAP_SHARED, file.get(), 0);
  if (data == MAP_FAILED) return OsError(errno, path, "map into memory");
  mapped.data_ = static_cast<const std::byte*>(data);
  return mapped;
}

MappedFile::MappedFile(MappedFile&& other) noexcept { *this = std::move(other); }

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(path_, other.path_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::Release(std::span<const std::byte> bytes) const {
  if (bytes.empty()) return;
  static const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t begin = static_cast<size_t>(bytes.data() - data_) / page * page;
  const size_t end = static_cast<size_t>(bytes.data() - data_) + bytes.size();
  // Advisory: on failure the pages stay resident, which costs memory only.
  madvise(const_cast<std::byte*>(data_) + begin, end - begin, MADV_DONTNEED);
}

uint64_t MappedFile::ReadChecksum(std::span<const std::byte> bytes) const {
  constexpr size_t kPiece = size_t{8} << 20;
  if (bytes.size() <= kPiece) return Checksum(bytes);
  ChecksumStream checksum;
  for (size_t at = 0; at < bytes.size(); at += kPiece) {
    const auto piece = bytes.subspan(at, std::min(kPiece, bytes.size() - at));
    checksum.Append(piece);
    Release(piece);
  }
  return checksum.digest();
}

Status RemoveHalfWritten(const fs::path& path) {
  const std::string prefix = path.filename().string() + ".tmp-";
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::vector<fs::path> leftovers;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().filename().string().starts_with(prefix)) leftovers.push_back(it->path());
  }
  if (error) return OsError(error.value(), folder, "list");
  for (const fs::path& one : leftovers) UPNEXT_RETURN_IF_ERROR(RemoveAll(one));
  return Ok();
}

Result<AtomicFileWriter> AtomicFileWriter::Create(const fs::path& path) {
  static std::atomic<uint64_t> counter = 0;
  AtomicFileWriter writer;
  writer.path_ = path;
  do {  // repeat if a dead process with the same id left a file of that name
    writer.temporary_ = path;
    writer.temporary_ += fmt::format(".tmp-{}-{}", getpid(), counter.fetch_add(1));
    writer.fd_ = open(writer.temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  } while (writer.fd_ < 0 && errno == EEXIST);
  if (writer.fd_ < 0) return OsError(errno, path, "create");
  return writer;
}

AtomicFileWriter::AtomicFileWriter(AtomicFileWriter&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      offset_(other.offset_),
      buffer_(std::move(other.buffer_)),
      path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)) {}

AtomicFileWriter::~AtomicFileWriter() {
  if (fd_ < 0) return;
  close(fd_);
  unlink(temporary_.c_str());
}

Status AtomicFileWriter::Flush() {
  const Status written = WriteAllAt(fd_, offset_ - buffer_.size(), buffer_, path_);
  buffer_.clear();
  return written;
}

Status AtomicFileWriter::Append(std::span<const std::byte> bytes) {
  if (bytes.size() >= kWriteBuffer) {
    UPNEXT_RETURN_IF_ERROR(Flush());
    UPNEXT_RETURN_IF_ERROR(WriteAllAt(fd_, offset_, bytes, path_));
    offset_ += bytes.size();
    return Ok();
  }
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  offset_ += bytes.size();
  return buffer_.size() >= kWriteBuffer ? Flush() : Ok();
}

Status AtomicFileWriter::WriteAt(size_t offset, std::span<const std::byte> bytes) {
  if (offset > offset_ || bytes.size() > offset_ - offset) {
    return Internal("{}: expected to overwrite within the {} bytes appended, found [{}, {} + {})",
                    path_.string(), offset_, offset, offset, bytes.size());
  }
  UPNEXT_RETURN_IF_ERROR(Flush());
  return WriteAllAt(fd_, offset, bytes, path_);
}

Status AtomicFileWriter::Commit() {
  if (fd_ < 0) return Internal("{}: committed already", path_.string());
  UPNEXT_RETURN_IF_ERROR(Flush());
  if (fsync(fd_) != 0 && errno != EINVAL) return OsError(errno, path_, "sync");
  if (rename(temporary_.c_str(), path_.c_str()) != 0) return OsError(errno, path_, "replace");
  close(std::exchange(fd_, -1));
  return SyncDirectory(Folder(path_));
}

Result<std::string> ReadFile(const fs::path& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return OsError(errno, path, "open");
  std::string text;
  struct stat info;
  size_t room = size_t{1} << 16;  // a device or pipe has no size
  if (fstat(file.get(), &info) == 0 && info.st_size > 0) room = static_cast<size_t>(info.st_size);
  while (true) {
    const size_t size = text.size();
    text.resize(size + std::min(room, kMaxTransfer));
    const ssize_t got = read(file.get(), text.data() + size, text.size() - size);
    text.resize(size + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return OsError(errno, path, "read");
    if (got == 0) return text;
    room = std::max<size_t>(room - std::min(room, static_cast<size_t>(got)), 4096);
  }
}

Status WriteFileAtomic(const fs::path& path, std::string_view bytes) {
  UPNEXT_ASSIGN_OR_RETURN(AtomicFileWriter writer, AtomicFileWriter::Create(path));
  UPNEXT_RETURN_IF_ERROR(writer.Append(std::as_bytes(std::span(bytes))));
  return writer.Commit();
}

Status MakeDirectories(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return OsError(error.value(), path, "create the folder");
  return Ok();
}

Status RemoveAll(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) return OsError(error.value(), path, "remove");
  return Ok();
}

Status SyncDirectory(const fs::path& path) { return SyncPath(path, O_RDONLY | O_DIRECTORY); }

Status PublishDirectory(const fs::path& from, const fs::path& to) {
  UPNEXT_RETURN_IF_ERROR(SyncTree(from));
  if (const int error = RenameNoReplace(from, to); error != 0) {
    return OsError(error, to, "publish the folder");
  }
  return SyncDirectory(Folder(to));
}

}  // namespace upnext::base
