#include "base/versioned_root.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <system_error>

namespace upnext::base {
namespace {

constexpr std::string_view kStaged = ".new-";
constexpr std::string_view kCurrent = "CURRENT";

std::optional<uint64_t> ParseNumber(std::string_view digits) {
  uint64_t number = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number);
  if (digits.empty() || error != std::errc() || stop != end) return std::nullopt;
  return number;
}

std::string VersionName(uint64_t number) { return fmt::format("v{:06}", number); }

// The number of a version's name, or nothing when VersionName() does not produce that name.
std::optional<uint64_t> VersionNumber(std::string_view name) {
  if (!name.starts_with('v')) return std::nullopt;
  const std::optional<uint64_t> number = ParseNumber(name.substr(1));
  return number && VersionName(*number) == name ? number : std::nullopt;
}

bool ProcessLives(uint64_t pid) {
  if (pid == 0 || pid > INT32_MAX) return false;
  return kill(static_cast<pid_t>(pid), 0) == 0 || errno != ESRCH;
}

Result<std::vector<std::string>> FoldersIn(const fs::path& root) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(root, error), end; !error && it != end; it.increment(error)) {
    if (it->is_directory(error) && !error) names.push_back(it->path().filename().string());
  }
  if (error) return OsError(error.value(), root, "list");
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

Result<fs::path> VersionedRoot::Begin() {
  UPNEXT_RETURN_IF_ERROR(MakeDirectories(root_));
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<std::string> names, FoldersIn(root_));
  const auto self = static_cast<uint64_t>(getpid());
  for (const std::string& name : names) {
    if (!name.starts_with(kStaged)) continue;
    const std::optional<uint64_t> pid = ParseNumber(std::string_view(name).substr(kStaged.size()));
    if (pid && (*pid == self || !ProcessLives(*pid))) {
      UPNEXT_RETURN_IF_ERROR(RemoveAll(root_ / name));
    }
  }
  fs::path staged = root_ / fmt::format("{}{}", kStaged, self);
  UPNEXT_RETURN_IF_ERROR(MakeDirectories(staged));
  return staged;
}

Result<std::string> VersionedRoot::Publish(const fs::path& staged) {
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<std::string> versions, Versions());
  const uint64_t last = versions.empty() ? 0 : VersionNumber(versions.back()).value_or(0);
  std::string name = VersionName(last + 1);
  UPNEXT_RETURN_IF_ERROR(PublishDirectory(staged, root_ / name));
  return name;
}

Status VersionedRoot::SetCurrent(std::string_view version) {
  std::error_code error;
  if (!VersionNumber(version) || !fs::is_directory(root_ / version, error)) {
    return NotFound("{}: expected a published version such as v000001, found no '{}'",
                    root_.string(), version);
  }
  UPNEXT_RETURN_IF_ERROR(RemoveHalfWritten(root_ / kCurrent));
  return WriteFileAtomic(root_ / kCurrent, fmt::format("{}\n", version));
}

Result<std::string> VersionedRoot::Current() const {
  Result<std::string> text = ReadFile(root_ / kCurrent);
  if (!text && text.error().code == Code::kNotFound) {
    return NotFound("{}: nothing is published here yet", root_.string());
  }
  if (!text) return text;
  if (text->ends_with('\n')) text->pop_back();
  std::error_code error;
  if (!VersionNumber(*text) || !fs::is_directory(root_ / *text, error)) {
    return DataLoss("{}: expected the name of a version in this folder, found '{}'",
                    (root_ / kCurrent).string(), *text);
  }
  return text;
}

std::string VersionedRoot::CurrentMark() const {
  struct stat info = {};
  if (stat((root_ / kCurrent).c_str(), &info) != 0) return "";
  // Each SetCurrent writes a file of its own.
  return fmt::format("{} {}.{:09}", info.st_ino, info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
}

Result<std::vector<std::string>> VersionedRoot::Versions() const {
  Result<std::vector<std::string>> names = FoldersIn(root_);
  if (!names && names.error().code == Code::kNotFound) return std::vector<std::string>();
  if (!names) return names;
  std::erase_if(*names, [](const std::string& name) { return !VersionNumber(name); });
  // By number, since v1000000 comes after v999999.
  std::sort(names->begin(), names->end(), [](const std::string& a, const std::string& b) {
    return VersionNumber(a) < VersionNumber(b);
  });
  return names;
}

}  // namespace upnext::base
