#include "project/forget.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "api/settings.h"
#include "base/file.h"
#include "base/numbers.h"
#include "cli/output.h"
#include "cli/printable.h"
#include "cli/progress_bar.h"
#include "cli/verbs.h"
#include "project/project.h"
#include "schema/event.h"

namespace upnext::cli {
namespace {

struct ForgetFlags {
  project::Location project;
  std::vector<std::string> users;
  std::string file;
  bool json = false;
};

// Without blanks at either end, which no editor shows.
std::string Trimmed(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r";
  const size_t begin = line.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return "";
  return std::string(line.substr(begin, line.find_last_not_of(kBlanks) - begin + 1));
}

// The ids of the command line and the lines of the file, each once.
Result<std::vector<std::string>> UsersOf(const ForgetFlags& flags) {
  std::vector<std::string> users = flags.users;
  if (!flags.file.empty()) {
    UPNEXT_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(flags.file));
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    for (size_t begin = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
         begin < text.size();) {
      size_t end = text.find('\n', begin);
      if (end == std::string::npos) end = text.size();
      std::string line = Trimmed(std::string_view(text).substr(begin, end - begin));
      if (!line.empty()) users.push_back(std::move(line));
      begin = end + 1;
    }
  }
  for (const std::string& user : users) {
    if (user.empty() || user.size() > schema::kMaxIdBytes) {
      return InvalidArgument("expected ids of 1 to {} bytes, found one of {}", schema::kMaxIdBytes,
                             user.size());
    }
  }
  std::ranges::sort(users);
  users.erase(std::ranges::unique(users).begin(), users.end());
  if (users.empty()) return InvalidArgument("no user to forget: give --user U or --users FILE");
  return users;
}

Status RunForget(const ForgetFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<std::string> users, UsersOf(flags));
  UPNEXT_ASSIGN_OR_RETURN(const api::Settings settings, api::Settings::Load(flags.project));
  UPNEXT_ASSIGN_OR_RETURN(const base::LockFile lock, settings.project.Lock());
  ProgressBar progress;
  UPNEXT_ASSIGN_OR_RETURN(const project::Forgot done,
                          project::ForgetUsers(settings.project, users, progress));
  if (flags.json) {
    const nlohmann::json out = {{"users", users.size() - done.unknown.size()},
                                {"unknown", done.unknown},
                                {"log_versions", done.log_versions},
                                {"log_events", done.log_events}};
    Print("{}\n", out.dump(2));
    return Ok();
  }
  Print("forgotten: {} users, {} of their events in the log ({} versions were written anew)\n",
        base::WithThousands(users.size() - done.unknown.size()),
        base::WithThousands(done.log_events), done.log_versions);
  for (const std::string& user : done.unknown) {
    Print("unknown, nothing was there to forget: {}\n", Printable(user));
  }
  Print(
      "words of searches stay in published bundles until `upnext train` publishes the next ones\n");
  Print("files outside the project that have them are imported again with the next import\n");
  return Ok();
}

}  // namespace

std::function<Status()> MakeForget(CLI::App& app) {
  auto flags = std::make_shared<ForgetFlags>();
  AddProjectFlags(app, &flags->project);
  app.add_option("--user", flags->users, "Id of a user; may be repeated");
  app.add_option("--users", flags->file,
                 "File with an id in each line; blanks around it are left out")
      ->type_name("FILE");
  app.add_flag("--json", flags->json, "Print the report as JSON");
  return [flags] { return RunForget(*flags); };
}

}  // namespace upnext::cli
