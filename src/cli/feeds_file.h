// Where the feeds of all users are written: a file, complete or not there, or "-", stdout.
//
//   UPNEXT_ASSIGN_OR_RETURN(FeedsFile out, FeedsFile::Create(name));
//   UPNEXT_RETURN_IF_ERROR(out.Append(lines));
//   UPNEXT_RETURN_IF_ERROR(out.Commit());
//
// One thread.
#ifndef UPNEXT_CLI_FEEDS_FILE_H_
#define UPNEXT_CLI_FEEDS_FILE_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/file.h"
#include "base/status.h"
#include "cli/output.h"

namespace upnext::cli {

class FeedsFile {
 public:
  static Result<FeedsFile> Create(const std::string& name) {
    FeedsFile out(name);
    if (name == "-") return out;
    UPNEXT_ASSIGN_OR_RETURN(base::AtomicFileWriter file, base::AtomicFileWriter::Create(name));
    out.file_.emplace(std::move(file));
    return out;
  }
  Status Append(std::string_view text) {
    if (file_) return file_->Append(std::as_bytes(std::span(text)));
    Write(stdout, text);
    return Ok();
  }
  Status Commit() { return file_ ? file_->Commit() : Ok(); }
  // Messages are kept apart from feeds on stdout.
  void Say(std::string_view text) const { Write(file_ ? stdout : stderr, text); }
  std::string name() const { return file_ ? name_ : "stdout"; }

 private:
  explicit FeedsFile(std::string name) : name_(std::move(name)) {}
  std::string name_;
  std::optional<base::AtomicFileWriter> file_;
};

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_FEEDS_FILE_H_
