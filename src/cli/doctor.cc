#include "cli/doctor.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/output.h"
#include "cli/printable.h"
#include "cli/verbs.h"
#include "net/http_client.h"
#include "project/project.h"

namespace upnext::cli {
namespace {

struct DoctorFlags {
  project::Location project;
  std::string server, key;
  bool json = false;
};

constexpr std::string_view kUsualServer = "http://127.0.0.1:8080";

void AppendFindings(std::vector<Finding> more, std::vector<Finding>* all) {
  std::ranges::move(more, std::back_inserter(*all));
}

Status RunDoctor(const DoctorFlags& flags) {
  std::vector<Finding> findings;
  const Result<api::Settings> settings = api::Settings::Load(flags.project);
  if (!settings) {
    findings.push_back({Health::kError, "project file", settings.error().message,
                        "correct it; nothing else was examined"});
  } else {
    findings.push_back({Health::kOk, "project file", flags.project.config});
    AppendFindings(ExamineMachine(*settings), &findings);
    AppendFindings(ExamineProject(*settings), &findings);
    AppendFindings(ExamineServer(*settings, flags.server.empty() ? kUsualServer : flags.server,
                                 flags.key, !flags.server.empty()),
                   &findings);
  }
  PrintFindings(findings, flags.json);
  const auto errors = std::ranges::count(findings, Health::kError, &Finding::health);
  if (errors == 0) return Ok();
  return FailedPrecondition("{} of {} examinations ended with an error", errors, findings.size());
}

}  // namespace

void PrintFindings(const std::vector<Finding>& findings, bool as_json) {
  if (as_json) {
    nlohmann::ordered_json out = nlohmann::ordered_json::array();
    for (const Finding& one : findings) {
      out.push_back({{"health", HealthWord(one.health)},
                     {"what", one.what},
                     {"found", one.found},
                     {"todo", one.todo}});
    }
    Print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return;
  }
  for (const Finding& one : findings) {
    const std::string text = one.todo.empty() ? one.found : one.found + "; " + one.todo;
    // An error of SQL has its place below it.
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      const std::string line = Printable(std::string_view(text).substr(begin, end - begin));
      if (begin == 0) {
        Print("{:<8} {:<12} {}\n", HealthWord(one.health), one.what, line);
      } else if (!line.empty()) {
        Print("{:<22}{}\n", "", line);
      }
      begin = end + 1;
    }
  }
}

std::string_view HealthWord(Health health) {
  return health == Health::kOk ? "ok" : health == Health::kWarning ? "warning" : "error";
}

std::function<Status()> MakeDoctor(CLI::App& app) {
  auto flags = std::make_shared<DoctorFlags>();
  AddProjectFlags(app, &flags->project);
  app.add_option("--server", flags->server,
                 fmt::format("Address of the server that should run (default: one at {}, if any)",
                             kUsualServer));
  app.add_option("--key", flags->key, "A key of the role monitor, for the steps of the server")
      ->envname("UPNEXT_KEY");
  app.add_flag("--json", flags->json, "Print JSON");
  return [flags] { return RunDoctor(*flags); };
}

}  // namespace upnext::cli
