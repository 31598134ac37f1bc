#include <memory>

#include "cli/settings.h"
#include "cli/site_server.h"
#include "cli/verbs.h"
#include "net/server_options.h"
#include "project/project.h"

namespace upnext::cli {
namespace {

struct ServeFlags {
  project::Location project;
  net::ServerOptions server;  // only what the command line says
};

Status RunServe(const ServeFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const Settings settings, Settings::Load(flags.project));
  UPNEXT_ASSIGN_OR_RETURN(const auto server,
                          SiteServer::Start(settings, WithFlags(settings.server, flags.server)));
  server->ServeUntilStopped();
  return Ok();
}

}  // namespace

std::function<Status()> MakeServe(CLI::App& app) {
  auto flags = std::make_shared<ServeFlags>();
  AddProjectFlags(app, &flags->project);
  AddServerFlags(app, &flags->server);
  return [flags] { return RunServe(*flags); };
}

}  // namespace upnext::cli
