// A folder that exports are moved into, to be appended to the log: each sub-folder is {data} of one
// import, and so is a folder with a file that was moved in alone. Afterwards it lies in done/ or
// failed/.
//
//   Inbox inbox("incoming");
//   if (const auto next = inbox.Next(); next && *next) {
//     UPNEXT_ASSIGN_OR_RETURN(const fs::path data, inbox.Take(**next));      import it, then
//     UPNEXT_RETURN_IF_ERROR(inbox.Finish(**next, "done"));
//   }
//
// Names that begin with a dot are not looked at, so that files can be written under such a name and
// renamed. One thread.
#ifndef UPNEXT_CLI_INBOX_H_
#define UPNEXT_CLI_INBOX_H_

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "base/status.h"

namespace upnext::cli {

// kInvalidArgument when one of `kept` is the folder or lies in it: an import would move it away.
Status CheckInbox(const std::filesystem::path& folder, std::span<const std::filesystem::path> kept);

class Inbox {
 public:
  explicit Inbox(std::filesystem::path folder) : folder_(std::move(folder)) {}
  // Makes the folders that are missing, and takes back what an earlier process had begun with.
  Status Prepare() const;
  // The first by name of what lies there; nullopt: nothing.
  Result<std::optional<std::string>> Next() const;
  // The folder to import from: the sub-folder, or one that the file was moved into.
  Result<std::filesystem::path> Take(const std::string& name) const;
  // Puts it back, to be taken again.
  Status Return(const std::string& name) const;
  // Moves it to `result`, "done" or "failed", and returns where it lies there: under its name, or
  // with a number when that is taken.
  Result<std::filesystem::path> Finish(const std::string& name, const std::string& result) const;

 private:
  std::filesystem::path Taken() const { return folder_ / ".importing"; }
  std::filesystem::path folder_;
};

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_INBOX_H_
