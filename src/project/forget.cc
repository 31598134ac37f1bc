#include "project/forget.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <unordered_set>

#include "base/file.h"
#include "base/numbers.h"
#include "base/versioned_root.h"
#include "log/forget.h"
#include "schema/raw_event.h"
#include "store/store.h"
#include "store/stored_events.h"

namespace upnext::project {
namespace {

namespace fs = std::filesystem;

// Adds those who have events there to `found`.
Status ForgetInStore(const Project& project, std::span<const std::string> users,
                     std::unordered_set<std::string>* found) {
  std::error_code error;
  if (!fs::exists(project.store(), error)) return Ok();
  const Result<std::unique_ptr<store::Store>> store = project.OpenStore();
  if (!store && store.error().code == Code::kAborted) {
    return FailedPrecondition(
        "{}; a running server forgets by DELETE /v1/users/USER, and the next `upnext import` takes the "
        "user out of the log",
        store.error().message);
  }
  if (!store) return std::unexpected(store.error());
  for (const std::string& user : users) {
    UPNEXT_RETURN_IF_ERROR((*store)->EventsOf(user, 0, [&](uint64_t, const schema::RawEvent&) {
      found->insert(user);
      return Ok();
    }));
    std::vector<std::string> words;  // which nobody has in memory
    UPNEXT_RETURN_IF_ERROR((*store)->Forget(user, &words));
  }
  return Ok();
}

// What imports and trainings that were killed have left, and files that quote rows.
Status RemoveTraces(const Project& project) {
  UPNEXT_RETURN_IF_ERROR(base::RemoveAll(project.checkpoints()));
  UPNEXT_RETURN_IF_ERROR(base::RemoveAll(project.logs().root() / "rejects.csv"));
  for (base::VersionedRoot root : {project.logs(), project.bundles()}) {
    std::error_code error;
    if (!fs::exists(root.root(), error)) continue;
    UPNEXT_ASSIGN_OR_RETURN(const fs::path empty, root.Begin());  // clears what others left
    UPNEXT_RETURN_IF_ERROR(base::RemoveAll(empty));
  }
  return Ok();
}

Result<Forgot> ForgetInLog(const Project& project, log::WhomToForget who, base::Progress& progress,
                           std::unordered_set<std::string>* found) {
  UPNEXT_ASSIGN_OR_RETURN(who.deletions, store::ReadDeletions(project.store()));
  Forgot done = {.deletions = {.store = who.deletions.store, .forgotten = who.deletions.last}};
  if (who.users.empty() && who.deletions.users.empty()) return done;
  UPNEXT_ASSIGN_OR_RETURN(const log::ForgetReport report,
                          log::ForgetUsers(project.logs(), who, progress));
  if (report.versions > 0 || !who.users.empty()) UPNEXT_RETURN_IF_ERROR(RemoveTraces(project));
  done.log_versions = report.versions;
  done.log_events = report.events;
  found->insert(report.found.begin(), report.found.end());
  return done;
}

}  // namespace

Result<Forgot> ForgetUsers(const Project& project, std::span<const std::string> users,
                           base::Progress& progress) {
  std::unordered_set<std::string> found;
  UPNEXT_RETURN_IF_ERROR(ForgetInStore(project, users, &found));
  UPNEXT_ASSIGN_OR_RETURN(
      Forgot done, ForgetInLog(project, {.users = {users.begin(), users.end()}, .deletions = {}},
                               progress, &found));
  for (const std::string& user : users) {
    if (found.insert(user).second) done.unknown.push_back(user);
  }
  return done;
}

Result<Forgot> ForgetDeleted(const Project& project, base::Progress& progress) {
  std::unordered_set<std::string> found;
  UPNEXT_ASSIGN_OR_RETURN(Forgot done, ForgetInLog(project, {}, progress, &found));
  if (done.log_versions > 0) {
    progress.Note(fmt::format("{} events of users who were deleted over HTTP left the log",
                              base::WithThousands(done.log_events)));
  }
  return done;
}

}  // namespace upnext::project
