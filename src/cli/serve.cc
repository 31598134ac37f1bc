#include <memory>

#include "api/settings.h"
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

Status RunServe(const ServeFlags& flags, const CLI::App& app) {
  UPNEXT_ASSIGN_OR_RETURN(const api::Settings settings, api::Settings::Load(flags.project));
  const net::ServerOptions options = WithFlags(settings.server, flags.server);
  NoteServerFlags(app, options, settings.project.config());
  UPNEXT_ASSIGN_OR_RETURN(const auto server, SiteServer::Start(settings, options));
  server->ServeUntilStopped();
  return Ok();
}

}  // namespace

std::function<Status()> MakeServe(CLI::App& app) {
  auto flags = std::make_shared<ServeFlags>();
  AddProjectFlags(app, &flags->project);
  AddServerFlags(app, &flags->server);
  return [flags, &app] { return RunServe(*flags, app); };
}

}  // namespace upnext::cli
