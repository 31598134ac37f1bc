#include "import/rejects.h"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

#include "base/file.h"

namespace upnext::import {
namespace {

constexpr int kTold = 3;

// A cell of a CSV file; "" is written as nothing, which readers take for NULL.
std::string Cell(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string Number(const std::optional<int64_t>& number) {
  return number ? fmt::format("{}", *number) : "";
}

}  // namespace

Status RejectsFile::Failed() const { return Status(base::OsError(errno, path_, "write")); }

Status RejectsFile::Add(const Reject& reject) {
  if (empty_) {
    empty_ = false;
    out_.open(path_, std::ios::binary | std::ios::trunc);
    out_ << "table,file,line,row,reason,text\n";
  }
  out_ << TableName(reject.table) << ',' << Cell(reject.file) << ',' << Number(reject.line) << ','
       << Number(reject.row) << ',' << Cell(reject.reason) << ',' << Cell(reject.text) << '\n';
  if (!out_) return Failed();
  const auto t = static_cast<size_t>(reject.table);
  if (told_[t] < kTold) {
    ++told_[t];
    first_[t] += fmt::format("\n  {}{}{}: {}", reject.file, reject.file.empty() ? "" : " ",
                             reject.line ? fmt::format("line {}", *reject.line)
                                         : fmt::format("row {}", reject.row.value_or(0)),
                             reject.reason);
  }
  return Ok();
}

Status RejectsFile::Publish(const std::filesystem::path& target) {
  if (empty_) return base::RemoveAll(target);
  out_.close();
  if (!out_) return Failed();
  std::error_code error;
  std::filesystem::rename(path_, target, error);
  if (error) return base::OsError(error.value(), target, "write");
  return Ok();
}

}  // namespace upnext::import
