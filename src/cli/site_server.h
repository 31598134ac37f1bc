// A project's server: service, HTTP and the follower of new bundles and logs. What serve and run
// share.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto server, SiteServer::Start(settings, options));
//   server->ServeUntilStopped();                       ^C or SIGTERM; SIGHUP looks for new versions
//
// One thread. The settings outlive it.
#ifndef UPNEXT_CLI_SITE_SERVER_H_
#define UPNEXT_CLI_SITE_SERVER_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "api/settings.h"
#include "base/config.h"
#include "base/status.h"
#include "net/api.h"
#include "net/http_server.h"
#include "net/server_options.h"
#include "net/status_page.h"
#include "serving/follower.h"
#include "serving/service.h"

namespace upnext::cli {

class SiteServer {
 public:
  using Steps = std::function<std::vector<net::StepStatus>()>;
  // Says on stderr where it listens and what it serves. Without a bundle the project stays as it is.
  // `steps` are those that the status page shows; called from any thread.
  static Result<std::unique_ptr<SiteServer>> Start(
      const api::Settings& settings, const net::ServerOptions& options,
      Steps steps = [] { return NoSteps(); });
  // Returns when the server has stopped: not ready for stop_delay first, then closed. Calls
  // `on_stop` in between.
  void ServeUntilStopped(const std::function<void()>& on_stop = [] {});

 private:
  static std::vector<net::StepStatus> NoSteps() { return {}; }
  SiteServer(std::unique_ptr<serving::Service> service, const net::ServerOptions& options,
             net::ApiAccess access)
      : options_(options),
        service_(std::move(service)),
        api_(*service_, options_, std::move(access)) {}

  const net::ServerOptions options_;
  const std::unique_ptr<serving::Service> service_;
  net::Api api_;
  std::unique_ptr<serving::Follower> follower_;  // outlives http_, whose requests use it
  std::unique_ptr<net::HttpServer> http_;
};

// What --address, --port, --threads, --memory, --no-keys, --request-log and --allow-unprotected set, over [server] of the project file,
// or the variables of the environment that stand for them; the last one notes what gave each, for `GET /v1/config`.
void AddServerFlags(CLI::App& app, net::ServerOptions* flags);
net::ServerOptions WithFlags(net::ServerOptions options, const net::ServerOptions& flags);
void NoteServerFlags(const CLI::App& app, const net::ServerOptions& options,
                     const base::Config& config);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_SITE_SERVER_H_
