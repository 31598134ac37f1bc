#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <thread>
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
  net::ServerOptions server;  // only what the command line says
};

net::ServerOptions OptionsOf(const ServeFlags& flags, net::ServerOptions options) {
  options.address = flags.server.address;
  options.port = flags.server.port;
  options.threads = flags.server.threads;
  options.allow_unprotected = flags.server.allow_unprotected;
  return options;
}

Status RunServe(const ServeFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const Settings settings, Settings::Load(flags.project));
  const project::Project& project = settings.project;
  // Before the store, which is made when there is none: without a bundle the project stays as it is.
  UPNEXT_ASSIGN_OR_RETURN(bundle::OpenedBundle opened,
                          project.OpenBundle(bundle::LogChoice::kNewest));
  UPNEXT_ASSIGN_OR_RETURN(std::shared_ptr<store::Store> store, project.OpenStore());
  const serving::GenerationOptions options{
      .engine = settings.engine,
      .signals = project.signals(),
      .schema = project.schema(),
      .max_ahead_ms = int64_t{1000} * settings.server.max_clock_ahead_s,
      .max_new_names = settings.server.max_new_names,
      .max_new_names_per_client = settings.server.max_new_names_per_client};
  UPNEXT_ASSIGN_OR_RETURN(auto service,
                          serving::Service::Start(std::move(opened), options, std::move(store)));
  const net::ServerOptions how = OptionsOf(flags, settings.server);
  net::Api api(*service, how);
  UPNEXT_ASSIGN_OR_RETURN(auto server, net::HttpServer::Start(how, api));
  const serving::ServiceStatus status = service->status();
  if (server->max_connections() < how.max_connections) {
    Tell("at most {} connections instead of {}: the limit of open files (ulimit -Hn) is too low\n",
         server->max_connections(), how.max_connections);
  }
  Tell(
      "serving bundle {} (log {}) on {}\n"
      "try  curl '{}/v1/recommendations?user=U&n=10'   stop with ^C\n",
      status.bundle_version, status.log_version, server->url(), server->url());
  WaitForStop();
  server->StopSoon();
  Tell("stopping: requests are answered for {} s more; ^C again ends at once\n", how.stop_delay_s);
  std::this_thread::sleep_for(std::chrono::seconds(how.stop_delay_s));
  server->Stop();
  return Ok();
}

}  // namespace

std::function<Status()> MakeServe(CLI::App& app) {
  auto flags = std::make_shared<ServeFlags>();
  AddProjectFlags(app, &flags->project);
  app.add_option("--address", flags->server.address, "Address to listen on")->capture_default_str();
  app.add_option("--port", flags->server.port, "Port; 0 takes any free one")->capture_default_str();
  app.add_flag("--allow-unprotected", flags->server.allow_unprotected,
               "Listen on an address that other machines reach although the server has neither TLS "
               "nor passwords");
  app.add_option("--threads", flags->server.threads, "Threads; 0: as many as the machine has")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  return [flags] { return RunServe(*flags); };
}

}  // namespace upnext::cli
