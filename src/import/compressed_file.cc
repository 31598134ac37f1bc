#include "import/compressed_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/file.h"

namespace upnext::import {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kGzipMagic = 0x8b1f, kZstdMagic = 0xfd2fb528, kSkippableMagic = 0x184d2a50;
constexpr size_t kReadBytes = size_t{1} << 18;

class OpenFile {
 public:
  explicit OpenFile(const fs::path& path)
      : path_(path), fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat stat{};
    if (fd_ >= 0 && ::fstat(fd_, &stat) == 0) size_ = static_cast<uint64_t>(stat.st_size);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }

  uint64_t size() const { return size_; }
  // Reads up to the size of `to`, less at the end of the file.
  Result<size_t> Read(uint64_t offset, std::span<uint8_t> to) const {
    size_t read = 0;
    while (read < to.size()) {
      const ssize_t n =
          ::pread(fd_, to.data() + read, to.size() - read, static_cast<off_t>(offset + read));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return base::OsError(errno, path_, "read");
      if (n == 0) break;
      read += static_cast<size_t>(n);
    }
    return read;
  }
  // A number of up to eight bytes, the lowest first; kDataLoss past the end of the file.
  Result<uint64_t> Number(uint64_t offset, size_t bytes) const {
    std::array<uint8_t, 8> buffer{};
    UPNEXT_ASSIGN_OR_RETURN(const size_t read, Read(offset, std::span(buffer).first(bytes)));
    if (read < bytes) return CutShort("a header is not whole");
    uint64_t number = 0;
    for (size_t i = bytes; i > 0; --i) number = number << 8 | buffer[i - 1];
    return number;
  }
  std::unexpected<Error> CutShort(std::string_view what) const {
    return DataLoss(
        "{} is cut short: expected the end of its compressed data, found the end of the file after "
        "{} bytes ({}); copy or export it again",
        path_.string(), size_, what);
  }
  std::unexpected<Error> Damaged(uint64_t offset, std::string_view what) const {
    return DataLoss("{} is damaged near byte {}: {}; copy or export it again", path_.string(),
                    offset, what);
  }

 private:
  const fs::path& path_;
  const int fd_;
  uint64_t size_ = 0;
};

struct Inflater {
  z_stream stream{};
  bool ready = ::inflateInit2(&stream, 16 + MAX_WBITS) == Z_OK;  // 16: gzip alone
  Inflater() = default;
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { ::inflateEnd(&stream); }
};

// All members of a gzip file. What follows the last one and is none is left to the reader.
Status CheckGzip(const OpenFile& file, const std::function<bool()>& stop) {
  Inflater inflater;
  if (!inflater.ready) return ResourceExhausted("zlib cannot start: no memory");
  z_stream& stream = inflater.stream;
  std::vector<uint8_t> input(kReadBytes), output(kReadBytes);
  uint64_t offset = 0;  // of the bytes that were read
  for (bool ended = false;;) {
    if (stream.avail_in == 0) {
      if (stop()) return Cancelled("stopped on request");
      UPNEXT_ASSIGN_OR_RETURN(const size_t read, file.Read(offset, input));
      if (read == 0) return ended ? Ok() : Status(file.CutShort("gzip"));
      offset += read;
      stream.next_in = input.data();
      stream.avail_in = static_cast<uInt>(read);
    }
    if (ended) {
      UPNEXT_ASSIGN_OR_RETURN(const size_t magic,
                              file.Read(offset - stream.avail_in, std::span(output).first(2)));
      if (magic < 2 || (output[0] | output[1] << 8) != kGzipMagic) return Ok();
      ::inflateReset(&stream);
      ended = false;
    }
    stream.next_out = output.data();
    stream.avail_out = static_cast<uInt>(output.size());
    const int code = ::inflate(&stream, Z_NO_FLUSH);
    ended = code == Z_STREAM_END;
    if (code == Z_MEM_ERROR) return ResourceExhausted("zlib: no memory");
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
      return file.Damaged(offset - stream.avail_in,
                          stream.msg != nullptr ? stream.msg : "no gzip data");
    }
  }
}

// From the first block of a frame to the end of the frame (RFC 8878, section 3.1.1).
Result<uint64_t> EndOfZstdFrame(const OpenFile& file, uint64_t offset,
                                const std::function<bool()>& stop) {
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t descriptor, file.Number(offset + 4, 1));
  constexpr std::array<uint64_t, 4> kDictionaryId = {0, 1, 2, 4}, kContentSize = {0, 2, 4, 8};
  const bool single = (descriptor >> 5 & 1) != 0, checksum = (descriptor >> 2 & 1) != 0;
  const uint64_t size_field = descriptor >> 6;
  offset += 5 + (single ? 0 : 1) + kDictionaryId[descriptor & 3] +
            (single && size_field == 0 ? 1 : kContentSize[size_field]);
  for (bool last = false; !last;) {
    if (stop()) return Cancelled("stopped on request");
    UPNEXT_ASSIGN_OR_RETURN(const uint64_t header, file.Number(offset, 3));
    last = (header & 1) != 0;
    const uint64_t type = header >> 1 & 3;
    if (type == 3) return file.Damaged(offset, "a zstd block of a reserved type");
    offset += 3 + (type == 1 ? 1 : header >> 3);  // 1: one byte, repeated
  }
  return offset + (checksum ? 4 : 0);
}

Status CheckZstd(const OpenFile& file, const std::function<bool()>& stop) {
  for (uint64_t offset = 0; offset < file.size();) {
    UPNEXT_ASSIGN_OR_RETURN(const uint64_t magic, file.Number(offset, 4));
    if (magic == kZstdMagic) {
      UPNEXT_ASSIGN_OR_RETURN(offset, EndOfZstdFrame(file, offset, stop));
    } else if ((magic & ~uint64_t{15}) == kSkippableMagic) {
      UPNEXT_ASSIGN_OR_RETURN(const uint64_t bytes, file.Number(offset + 4, 4));
      offset += 8 + bytes;
    } else {
      return file.Damaged(offset, "expected a zstd frame");
    }
    if (offset > file.size()) return file.CutShort("zstd");
  }
  return Ok();
}

}  // namespace

Status CheckCompressed(const fs::path& path, const std::function<bool()>& stop) {
  const OpenFile file(path);
  std::array<uint8_t, 4> magic{};
  UPNEXT_ASSIGN_OR_RETURN(const size_t read, file.Read(0, magic));
  const uint32_t number =
      magic[0] | uint32_t{magic[1]} << 8 | uint32_t{magic[2]} << 16 | uint32_t{magic[3]} << 24;
  if (read >= 2 && (number & 0xffff) == kGzipMagic) return CheckGzip(file, stop);
  if (read == 4 && number == kZstdMagic) return CheckZstd(file, stop);
  return Ok();
}

}  // namespace upnext::import
