#include <fmt/format.h>

#include <memory>
#include <utility>

#include "bundle/opened_bundle.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/settings.h"
#include "cli/verbs.h"
#include "net/api.h"
#include "net/http_server.h"
#include "project/project.h"
#include "serving/service.h"
#include "store/store.h"

namespace upnext::cli {
namespace {

struct ServeFlags {
  project::Location project;
  net::ServerOptions server;
};

Status RunServe(const ServeFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const Settings settings, Settings::Load(flags.project));
  const project::Project& project = settings.project;
  // Before the store, which is made when there is none: without a bundle the project stays as it is.
  UPNEXT_ASSIGN_OR_RETURN(bundle::OpenedBundle opened,
                          project.OpenBundle(bundle::LogChoice::kNewest));
  UPNEXT_ASSIGN_OR_RETURN(std::shared_ptr<store::Store> store, project.OpenStore());
  UPNEXT_ASSIGN_OR_RETURN(auto service, serving::Service::Start(std::move(opened),
                                                                {.engine = settings.engine,
                                                                 .rule = project.rule(),
                                                                 .schema = project.schema()},
                                                                std::move(store)));
  net::Api api(*service);
  UPNEXT_ASSIGN_OR_RETURN(auto server, net::HttpServer::Start(flags.server, api));
  const serving::ServiceStatus status = service->status();
  Tell(
      "serving bundle {} (log {}) on http://{}:{}\n"
      "try  curl 'http://{}:{}/v1/recommendations?user=U&n=10'   stop with ^C\n",
      status.bundle_version, status.log_version, flags.server.address, server->port(),
      flags.server.address, server->port());
  WaitForStop();
  Tell("stopping: requests in flight are answered first\n");
  server->Stop();
  return Ok();
}

}  // namespace

std::function<Status()> MakeServe(CLI::App& app) {
  auto flags = std::make_shared<ServeFlags>();
  AddProjectFlags(app, &flags->project);
  app.add_option("--address", flags->server.address, "Address to listen on")->capture_default_str();
  app.add_option("--port", flags->server.port, "Port; 0 takes any free one")->capture_default_str();
  app.add_option("--threads", flags->server.threads, "Threads; 0: as many as the machine has")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  return [flags] { return RunServe(*flags); };
}

}  // namespace upnext::cli
