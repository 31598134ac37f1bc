#include "log/forget.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/checksum.h"
#include "base/file.h"
#include "base/swap_folders.h"
#include "log/compact.h"
#include "log/dictionary.h"
#include "schema/event.h"

namespace upnext::log {
namespace {

namespace fs = std::filesystem;

// The number up to which the log has the deletions of the store behind it.
uint64_t DoneOf(const EventLog& log, const Deletions& deletions) {
  return log.posted().store == deletions.store ? log.posted().forgotten : 0;
}

bool Chosen(const WhomToForget& who, uint64_t done, std::string_view user) {
  if (user.empty()) return false;
  if (who.users.contains(std::string(user))) return true;
  if (who.deletions.users.empty()) return false;
  const auto deleted = who.deletions.users.find(base::Fingerprint(user));
  return deleted != who.deletions.users.end() && deleted->second > done;
}

// Marks searches that these users made and nobody else.
void MarkQueries(const EventLog& log, const std::vector<bool>& users, std::vector<bool>& queries) {
  std::vector<bool> others(queries.size());
  for (uint32_t user = 0; user < log.users(); ++user) {
    for (uint64_t row = log.begin(user); row < log.end(user); ++row) {
      if (log.item_of(row) != schema::kNone) continue;
      const uint32_t query = log.event(row).query;
      if (query == schema::kNone) continue;
      (users[user] ? queries : others)[query] = true;
    }
  }
  for (size_t query = 0; query < queries.size(); ++query) {
    if (others[query]) queries[query] = false;
  }
}

// What the log is to be written without; nothing when it has none of them.
std::optional<Forgotten> FindIn(const EventLog& log, const WhomToForget& who,
                                std::unordered_set<std::string>* found) {
  const uint64_t done = DoneOf(log, who.deletions);
  const Dictionary& names = log.dictionary(schema::IdSpace::kUser);
  std::vector<bool> users(names.size());
  bool any = false;
  for (uint32_t user = 0; user < names.size(); ++user) {
    users[user] = Chosen(who, done, names.name(user));
    any |= users[user];
    if (const std::string name(names.name(user)); who.users.contains(name)) found->insert(name);
  }
  if (!any) return std::nullopt;
  Forgotten forgotten{.names = std::vector<std::vector<bool>>(log.schema().id_spaces().size()),
                      .posted = log.posted()};
  std::vector<bool>& queries = forgotten.names[static_cast<size_t>(schema::IdSpace::kQuery)];
  queries.resize(log.dictionary(schema::IdSpace::kQuery).size());
  MarkQueries(log, users, queries);
  forgotten.names[static_cast<size_t>(schema::IdSpace::kUser)] = std::move(users);
  if (who.deletions.store != 0) {
    if (forgotten.posted.store != who.deletions.store) {
      forgotten.posted = {.store = who.deletions.store};
    }
    forgotten.posted.forgotten = who.deletions.last;
  }
  return forgotten;
}

// A version that is damaged or of another format: nothing can use it, and its names are in its files.
Status DropUnreadable(const fs::path& version, bool current, const Error& why,
                      base::Progress& progress) {
  if (current) {
    progress.Note(fmt::format(
        "the current log cannot be read and still has its users: import everything again ({})",
        why.message));
    return Ok();
  }
  progress.Note(fmt::format("removed an old log that cannot be read: {}", why.message));
  return base::RemoveAll(version);
}

}  // namespace

Result<ForgetReport> ForgetUsers(base::VersionedRoot root, const WhomToForget& who,
                                 base::Progress& progress) {
  ForgetReport report;
  const Result<std::string> current = root.Current();
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<std::string> versions, root.Versions());
  for (const std::string& version : versions) {
    const Result<EventLog> opened = EventLog::Open(root.Path(version));
    if (!opened && opened.error().code == Code::kDataLoss) {
      UPNEXT_RETURN_IF_ERROR(DropUnreadable(root.Path(version), current && version == *current,
                                            opened.error(), progress));
      continue;
    }
    if (!opened) return std::unexpected(opened.error());
    const EventLog& log = *opened;
    const std::optional<Forgotten> forgotten = FindIn(log, who, &report.found);
    if (!forgotten) continue;
    UPNEXT_ASSIGN_OR_RETURN(const fs::path work, root.Begin());
    const fs::path anew = work / "anew", whole = work / "whole";
    UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(anew));
    UPNEXT_RETURN_IF_ERROR(WriteCompactedLog(anew, log, progress, &*forgotten));
    UPNEXT_RETURN_IF_ERROR(base::PublishDirectory(anew, whole));  // on disk before it counts
    UPNEXT_ASSIGN_OR_RETURN(const EventLog written, EventLog::Open(whole));
    if (current && version == *current) report.events = log.events() - written.events();
    UPNEXT_RETURN_IF_ERROR(base::SwapFolders(whole, root.Path(version)));
    UPNEXT_RETURN_IF_ERROR(base::RemoveAll(work));
    ++report.versions;
  }
  return report;
}

}  // namespace upnext::log
