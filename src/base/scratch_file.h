// A temporary file without a name: it is gone when it is closed, whatever happens.
//
//   UPNEXT_ASSIGN_OR_RETURN(ScratchFile file, ScratchFile::Create(folder));
//   UPNEXT_RETURN_IF_ERROR(file.Write(0, bytes));
//
// One writer at a time; reads may run on any number of threads next to it.
#ifndef UPNEXT_BASE_SCRATCH_FILE_H_
#define UPNEXT_BASE_SCRATCH_FILE_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "base/status.h"

namespace upnext::base {

class ScratchFile {
 public:
  static Result<ScratchFile> Create(const std::filesystem::path& folder);
  ScratchFile() = default;
  ScratchFile(ScratchFile&& other) noexcept;
  ScratchFile& operator=(ScratchFile&& other) noexcept;
  ~ScratchFile();
  // kResourceExhausted, with the folder, when the disk is full.
  Status Write(uint64_t offset, std::span<const std::byte> bytes);
  // kInternal when the file is shorter.
  Status Read(uint64_t offset, std::span<std::byte> bytes) const;

 private:
  int fd_ = -1;
  std::filesystem::path folder_;
};

}  // namespace upnext::base

#endif  // UPNEXT_BASE_SCRATCH_FILE_H_
