// upnext mcp: the Model Context Protocol on stdin and stdout, for assistants.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "api/settings.h"
#include "base/child_process.h"
#include "base/file.h"
#include "cli/output.h"
#include "cli/own_program.h"
#include "cli/printable.h"
#include "cli/progress_bar.h"
#include "cli/verbs.h"
#include "mcp/session.h"
#include "project/project.h"

namespace upnext::cli {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMostPrinted = 4 << 20;  // bytes of a tool's answer
constexpr size_t kMostSaid = 16 << 10;      // bytes of what a failed verb said

struct McpFlags {
  project::Location project;
  bool allow_changes = false;
};

// The lines of stdin, each at most as long as a message may be.
class Lines {
 public:
  // False at the end of the input, or when the program is asked to stop.
  bool Next(std::string* line) {
    size_t searched = 0;
    while (true) {
      const size_t end = buffer_.find('\n', searched);
      if (end != std::string::npos) {
        line->assign(buffer_, 0, end);
        buffer_.erase(0, end + 1);
        return true;
      }
      searched = buffer_.size();
      // Of one that is too long enough is kept for Answer to refuse it.
      if (searched > mcp::Session::kMostBytes + 1) {
        searched = mcp::Session::kMostBytes + 1;
        buffer_.resize(searched);
      }
      if (!Fill()) return false;
    }
  }

 private:
  bool Fill() {
    pollfd input{.fd = 0, .events = POLLIN, .revents = 0};
    while (!StopRequested()) {
      const int ready = poll(&input, 1, 200);
      if (ready < 0 && errno != EINTR) return false;
      if (ready <= 0) continue;
      char bytes[16 << 10];
      const ssize_t n = read(0, bytes, sizeof(bytes));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      buffer_.append(bytes, static_cast<size_t>(n));
      return true;
    }
    return false;
  }
  std::string buffer_;
};

struct Outputs {
  fs::path folder;
  ~Outputs() { (void)base::RemoveAll(folder); }
  fs::path printed() const { return folder / "printed"; }
  fs::path said() const { return folder / "said"; }
};

// What a verb said when it failed: the end of it, for that is where its error is.
std::string Said(const fs::path& file) {
  std::string text = base::ReadFile(file).value_or("");
  while (text.ends_with('\n')) text.pop_back();
  if (text.size() > kMostSaid) text.erase(0, text.size() - kMostSaid);
  std::string out;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    if (!out.empty()) out += '\n';
    out += Printable(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

Result<std::string> RunVerb(const OwnProgram& program, const Outputs& outputs,
                            const std::vector<std::string>& words) {
  // The flags of the project follow the verb, and the verb below it: config show -c ...
  const auto first_flag =
      std::ranges::find_if(words, [](const auto& word) { return word[0] == '-'; });
  std::vector<std::string> command = {program.path};
  command.insert(command.end(), words.begin(), first_flag);
  for (const auto* more : {&program.project_flags, &program.data_flags}) {
    command.insert(command.end(), more->begin(), more->end());
  }
  command.insert(command.end(), first_flag, words.end());
  UPNEXT_ASSIGN_OR_RETURN(base::ChildProcess child,
                          base::ChildProcess::Start(command, outputs.printed(), outputs.said()));
  while (!child.Poll()) {
    if (StopRequested()) return Cancelled("stopped");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  if (!child.outcome().empty()) {
    // One that found something wrong, such as doctor, has printed what.
    const std::string printed = Said(outputs.printed()), said = Said(outputs.said());
    return Internal("{}", !printed.empty() ? printed : !said.empty() ? said : child.outcome());
  }
  std::error_code error;
  if (fs::file_size(outputs.printed(), error) > kMostPrinted) {
    return ResourceExhausted("the answer has more than {} MiB: ask for less", kMostPrinted >> 20);
  }
  return base::ReadFile(outputs.printed());
}

Status RunMcp(const McpFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const api::Settings settings, api::Settings::Load(flags.project));
  const OwnProgram program = ThisProgram(flags.project);
  const Outputs outputs{settings.project.directory() / fmt::format("mcp-{}", getpid())};
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(outputs.folder));
  const mcp::Session session(
      {.version = UPNEXT_VERSION, .may_change = flags.allow_changes},
      [&](const std::vector<std::string>& words) { return RunVerb(program, outputs, words); });
  Lines lines;
  for (std::string line; lines.Next(&line);) {
    const auto answer = session.Answer(line);
    if (!answer) continue;
    Print("{}\n", *answer);
    if (std::fflush(stdout) != 0) break;  // nobody reads any more
  }
  return Ok();
}

}  // namespace

std::function<Status()> MakeMcp(CLI::App& app) {
  auto flags = std::make_shared<McpFlags>();
  AddProjectFlags(app, &flags->project);
  app.add_flag("--allow-changes", flags->allow_changes,
               "Also offer tools that change the project: train, publish, move_posted_events");
  app.footer(
      "Speaks the Model Context Protocol (docs/guides/assistants.md): give an assistant the command "
      "`upnext mcp -c FILE`.");
  return [flags] { return RunMcp(*flags); };
}

}  // namespace upnext::cli
