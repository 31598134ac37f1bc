#include "log/column.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace upnext::log {

Status Spool::Spill() {
  if (!file_) {
    std::string name = (directory_ / ".spool-XXXXXX").string();
    const int fd = ::mkstemp(name.data());
    if (fd < 0) {
      return Internal("cannot make a temporary file in {}: {}", directory_.string(),
                      std::strerror(errno));
    }
    ::unlink(name.c_str());
    file_.reset(::fdopen(fd, "w+b"));
    if (!file_) {
      ::close(fd);
      return ResourceExhausted("cannot open a temporary file in {}: {}", directory_.string(),
                               std::strerror(errno));
    }
  }
  if (std::fwrite(buffer_.data(), 1, buffer_.size(), file_.get()) != buffer_.size()) {
    return ResourceExhausted("cannot write a temporary file in {}: {}; free some disk space",
                             directory_.string(), std::strerror(errno));
  }
  spilled_ += buffer_.size();
  buffer_.clear();
  return Ok();
}

Status Spool::WriteTo(base::SectionWriter& writer, std::string_view name, base::ElementType type) {
  UPNEXT_RETURN_IF_ERROR(writer.Begin(name, type));
  if (file_) {
    if (std::fflush(file_.get()) != 0) {
      return ResourceExhausted("cannot write a temporary file in {}: {}; free some disk space",
                               directory_.string(), std::strerror(errno));
    }
    std::rewind(file_.get());
    std::vector<std::byte> block(kBuffer);
    for (size_t left = spilled_; left > 0;) {
      const size_t want = std::min(left, block.size());
      if (std::fread(block.data(), 1, want, file_.get()) != want) {
        return Internal("cannot read back a temporary file in {}: {}", directory_.string(),
                        std::strerror(errno));
      }
      UPNEXT_RETURN_IF_ERROR(writer.Append(std::span(block).first(want)));
      left -= want;
    }
    file_.reset();
    spilled_ = 0;
  }
  if (!buffer_.empty()) UPNEXT_RETURN_IF_ERROR(writer.Append(buffer_));
  buffer_ = {};
  return writer.End();
}

}  // namespace upnext::log
