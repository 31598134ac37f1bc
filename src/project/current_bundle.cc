#include "project/current_bundle.h"

#include <fcntl.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "base/clock.h"
#include "base/file.h"
#include "base/time_text.h"
#include "bundle/opened_bundle.h"
#include "log/event_log.h"

namespace upnext::project {

namespace {

constexpr std::string_view kNoBundle = "-";

std::filesystem::path ChangesFile(const Project& project) {
  return project.bundles().root() / "changes.log";
}

bool IsVersionName(std::string_view text) {
  return text.starts_with('v') && text.find_first_not_of("0123456789", 1) == text.npos;
}

// TIME TO FROM BY..., with "-" where there is none.
Status RecordChange(const Project& project, std::string_view to, std::string_view by) {
  const std::string from = project.bundles().Current().value_or(std::string(kNoBundle));
  const std::string line =
      fmt::format("{} {} {} {}\n", base::FormatTime(base::SystemClock().NowMs()), to, from, by);
  const std::filesystem::path file = ChangesFile(project);
  const int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return base::OsError(errno, file, "open");
  const bool written = write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  const int error = errno;
  close(fd);
  return written ? Ok() : base::OsError(error, file, "write");
}

// The caller holds LockCurrent. Recorded first: a change that then fails is followed by one from the same version.
Status ChangeCurrent(const Project& project, const std::string& to, std::string_view by) {
  UPNEXT_RETURN_IF_ERROR(RecordChange(project, to, by));
  return project.bundles().SetCurrent(to);
}

// Whether feeds can be made with it, as a server would find out.
Status OpenAsServed(const Project& project, const std::string& version) {
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<std::string> versions, project.bundles().Versions());
  if (versions.empty()) return bundle::NoBundleYet(project.bundles());
  if (std::ranges::find(versions, version) == versions.end()) {
    return NotFound("{}: expected one of the versions {}, found '{}'",
                    project.bundles().root().string(), fmt::join(versions, ", "), version);
  }
  UPNEXT_ASSIGN_OR_RETURN(const bundle::OpenedBundle opened,
                          bundle::OpenVersion(project.bundles(), version, project.logs(),
                                              project.signals(), bundle::LogChoice::kNewest));
  return log::CheckSchema(opened.log, project.schema());
}

}  // namespace

Result<std::string> PreviousBundle(const Project& project) {
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<std::string> versions, project.bundles().Versions());
  UPNEXT_ASSIGN_OR_RETURN(const std::string current, project.bundles().Current());
  const auto at = std::ranges::find(versions, current);
  if (at == versions.begin() || at == versions.end()) {
    return FailedPrecondition("bundle {} is the oldest that there is; name the one to go back to",
                              current);
  }
  return *(at - 1);
}

Result<std::string> MakeBundleCurrent(const Project& project, const std::string& version,
                                      std::string_view by) {
  for (;;) {
    std::string to = version;
    if (version.empty()) {
      UPNEXT_ASSIGN_OR_RETURN(to, PreviousBundle(project));
    }
    UPNEXT_RETURN_IF_ERROR(OpenAsServed(project, to));  // takes longer than a lock may be held
    UPNEXT_ASSIGN_OR_RETURN(const base::LockFile lock, project.LockCurrent());
    // A training may have published meanwhile: then another one is the one before.
    if (version.empty() && PreviousBundle(project).value_or("") != to) continue;
    UPNEXT_RETURN_IF_ERROR(ChangeCurrent(project, to, by));
    return to;
  }
}

Status MakeNewBundleCurrent(const Project& project, const std::string& version,
                            std::string_view by) {
  Result<base::LockFile> lock = project.LockCurrent();
  const Status made = lock ? ChangeCurrent(project, version, by) : std::unexpected(lock.error());
  if (made) return made;
  return WithContext(made.error(),
                     fmt::format("bundle {} is published, but not the current one (`upnext publish "
                                 "--version {}` makes it that)",
                                 version, version));
}

Result<std::vector<BundleChange>> BundleChanges(const Project& project, size_t most) {
  const Result<std::string> text = base::ReadFile(ChangesFile(project));
  std::vector<BundleChange> changes;
  if (!text && text.error().code == Code::kNotFound) return changes;
  if (!text) return std::unexpected(text.error());
  std::string_view rest = *text;
  const auto take = [](std::string_view& line) {
    const std::string word(line.substr(0, line.find(' ')));
    line.remove_prefix(std::min(word.size() + 1, line.size()));
    return word;
  };
  while (!rest.empty()) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    BundleChange change{
        .time = take(line), .to = take(line), .from = take(line), .by = std::string(line)};
    // What a full disk or a damage left is no change.
    if (!base::ParseTime(change.time) || !IsVersionName(change.to) || change.by.empty()) continue;
    if (change.from == kNoBundle) change.from.clear();
    changes.push_back(std::move(change));
  }
  if (changes.size() > most) changes.erase(changes.begin(), changes.end() - std::ptrdiff_t(most));
  return changes;
}

}  // namespace upnext::project
