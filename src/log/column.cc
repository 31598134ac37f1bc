#include "log/column.h"

namespace upnext::log {

Result<uint64_t> SpoolFile::Append(std::span<const std::byte> bytes) {
  if (!file_) {
    UPNEXT_ASSIGN_OR_RETURN(base::ScratchFile file, base::ScratchFile::Create(folder_));
    file_ = std::move(file);
  }
  const uint64_t offset = size_;
  UPNEXT_RETURN_IF_ERROR(file_->Write(offset, bytes));
  size_ += bytes.size();
  return offset;
}

Status SpoolFile::Read(uint64_t offset, std::span<std::byte> bytes) const {
  return file_->Read(offset, bytes);
}

Status Spool::Spill() {
  if (buffer_.empty()) return Ok();
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t offset, spill_->Append(buffer_));
  spilled_.push_back({offset, buffer_.size()});
  buffer_.clear();
  return Ok();
}

Status Spool::WriteTo(base::SectionWriter& writer, std::string_view name, base::ElementType type) {
  UPNEXT_RETURN_IF_ERROR(writer.Begin(name, type));
  std::vector<std::byte> bytes;
  for (const Block& block : spilled_) {
    bytes.resize(block.size);
    UPNEXT_RETURN_IF_ERROR(spill_->Read(block.offset, bytes));
    UPNEXT_RETURN_IF_ERROR(writer.Append(bytes));
  }
  if (!buffer_.empty()) UPNEXT_RETURN_IF_ERROR(writer.Append(buffer_));
  buffer_ = {};
  spilled_ = {};
  return writer.End();
}

}  // namespace upnext::log
