#include "cli/inbox.h"

#include <fmt/format.h>

#include <system_error>
#include <utility>
#include <vector>

#include "base/file.h"

namespace upnext::cli {

namespace fs = std::filesystem;

namespace {

Status Move(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) return base::OsError(error.value(), from, "move to " + to.string());
  return Ok();
}

Result<std::vector<std::string>> NamesIn(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  if (error) return base::OsError(error.value(), folder, "list the inbox");
  return names;
}

fs::path Resolved(const fs::path& path) {
  std::error_code error;
  const fs::path absolute = fs::absolute(path.empty() ? "." : path, error);
  if (error) return path.lexically_normal();
  const fs::path resolved = fs::weakly_canonical(absolute, error);
  return error ? path.lexically_normal() : resolved;
}

}  // namespace

Status CheckInbox(const fs::path& folder, std::span<const fs::path> kept) {
  const fs::path inbox = Resolved(folder);
  for (const fs::path& path : kept) {
    const fs::path way = Resolved(path).lexically_relative(inbox);
    if (way.empty() || *way.begin() == "..") continue;
    return InvalidArgument(
        "[run] inbox: {} contains {}, and what lies in an inbox is moved away after its import; "
        "expected a folder of its own, such as \"incoming\"",
        inbox.string(), Resolved(path).string());
  }
  return Ok();
}

Status Inbox::Prepare() const {
  for (const char* name : {"done", "failed", ".importing"}) {
    UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(folder_ / name));
  }
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<std::string> begun, NamesIn(Taken()));
  for (const std::string& name : begun) UPNEXT_RETURN_IF_ERROR(Return(name));
  return Ok();
}

Result<std::optional<std::string>> Inbox::Next() const {
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(folder_));
  std::optional<std::string> first;
  for (const std::string& name : names) {
    if (name.starts_with('.') || name == "done" || name == "failed") continue;
    if (!first || name < *first) first = name;
  }
  return first;
}

Result<fs::path> Inbox::Take(const std::string& name) const {
  std::error_code error;
  if (fs::is_directory(folder_ / name, error)) return folder_ / name;
  UPNEXT_RETURN_IF_ERROR(Move(folder_ / name, Taken() / name));
  return Taken();
}

Status Inbox::Return(const std::string& name) const {
  std::error_code error;
  if (!fs::exists(Taken() / name, error)) return Ok();
  return Move(Taken() / name, folder_ / name);
}

Result<fs::path> Inbox::Finish(const std::string& name, const std::string& result) const {
  std::error_code error;
  const fs::path from = fs::exists(Taken() / name, error) ? Taken() / name : folder_ / name;
  fs::path to = folder_ / result / name;
  for (int i = 2; fs::exists(to, error); ++i) {
    to = folder_ / result / fmt::format("{}.{}", name, i);
  }
  UPNEXT_RETURN_IF_ERROR(Move(from, to));
  return to;
}

}  // namespace upnext::cli
