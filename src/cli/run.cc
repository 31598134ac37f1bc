#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/settings.h"
#include "cli/output.h"
#include "cli/own_program.h"
#include "cli/run_steps.h"
#include "cli/site_server.h"
#include "cli/verbs.h"
#include "net/server_options.h"
#include "net/status_page.h"
#include "project/project.h"

namespace upnext::cli {
namespace {

struct RunFlags {
  project::Location project;
  net::ServerOptions server;  // only what the command line says
};

Status RunRun(const RunFlags& flags, const CLI::App& app) {
  UPNEXT_ASSIGN_OR_RETURN(const api::Settings settings, api::Settings::Load(flags.project));
  const net::ServerOptions options = WithFlags(settings.server, flags.server);
  NoteServerFlags(app, options, settings.project.config());
  UPNEXT_ASSIGN_OR_RETURN(const auto steps, RunSteps::Load(settings, ThisProgram(flags.project)));
  UPNEXT_ASSIGN_OR_RETURN(const auto server, SiteServer::Start(settings, options, [&steps] {
                            return steps->status();
                          }));
  steps->Start();
  for (const net::StepStatus& step : steps->status()) {
    Tell("{}: {}\n", step.name, step.schedule);
  }
  server->ServeUntilStopped([&steps] { steps->Stop(); });
  return Ok();
}

}  // namespace

std::function<Status()> MakeRun(CLI::App& app) {
  auto flags = std::make_shared<RunFlags>();
  AddProjectFlags(app, &flags->project);
  AddServerFlags(app, &flags->server);
  app.footer(
      "Serves as `upnext serve` does, and imports and trains as [run] of the project file says.");
  return [flags, &app] { return RunRun(*flags, app); };
}

}  // namespace upnext::cli
