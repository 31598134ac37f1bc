#include "cli/site_server.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "bundle/opened_bundle.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "project/project.h"
#include "store/store.h"

namespace upnext::cli {
namespace {

namespace fs = std::filesystem;

// Of all files below a folder; one that versions share counts once.
uint64_t BytesBelow(const fs::path& folder) {
  uint64_t bytes = 0;
  std::set<std::pair<dev_t, ino_t>> seen;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    struct stat info = {};
    if (stat(it->path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    if (info.st_nlink > 1 && !seen.emplace(info.st_dev, info.st_ino).second) continue;
    bytes += static_cast<uint64_t>(info.st_size);
  }
  return bytes;
}

std::vector<std::pair<std::string, uint64_t>> DiskUse(const project::Project& project) {
  std::error_code error;
  const fs::space_info space = fs::space(project.directory(), error);
  return {{"log", BytesBelow(project.logs().root())},
          {"bundles", BytesBelow(project.bundles().root())},
          {"store", BytesBelow(project.store())},
          {"checkpoints", BytesBelow(project.checkpoints())},
          {"free", error ? 0 : static_cast<uint64_t>(space.available)}};
}

}  // namespace

Result<std::unique_ptr<SiteServer>> SiteServer::Start(const Settings& settings,
                                                      const net::ServerOptions& options,
                                                      Steps steps) {
  const project::Project& project = settings.project;
  UPNEXT_RETURN_IF_ERROR(TellOlderLog(project));
  // Before the store, which is made when there is none: without a bundle the project stays as it is.
  UPNEXT_ASSIGN_OR_RETURN(bundle::OpenedBundle opened,
                          project.OpenBundle(bundle::LogChoice::kNewest));
  UPNEXT_ASSIGN_OR_RETURN(std::shared_ptr<store::Store> store, project.OpenStore());
  const auto& limits = settings.import.time_limits;
  const serving::GenerationOptions generation{
      .engine = settings.engine,
      .signals = project.signals(),
      .schema = project.schema(),
      .max_ahead_ms = std::min(int64_t{1000} * settings.server.max_clock_ahead_s,
                               limits.days_ahead * base::kDayMs),
      .max_behind_ms = limits.days_behind * base::kDayMs,
      .max_new_names = settings.server.max_new_names,
      .max_new_names_per_client = settings.server.max_new_names_per_client};
  UPNEXT_ASSIGN_OR_RETURN(auto service,
                          serving::Service::Start(std::move(opened), generation, store));
  std::unique_ptr<SiteServer> server(new SiteServer(std::move(service), options));
  server->api_.SetStatusSource(
      {.steps = std::move(steps), .bytes = [&project] { return DiskUse(project); }});
  InstallHangupHandler();
  UPNEXT_ASSIGN_OR_RETURN(server->http_, net::HttpServer::Start(options, server->api_));
  server->follower_ = std::make_unique<serving::Follower>(
      *server->service_, std::move(store),
      serving::FollowerOptions{.service = {.log_root = project.logs().root(),
                                           .bundle_root = project.bundles().root(),
                                           .generation = generation},
                               .report = [](std::string_view line) { Tell("{}\n", line); }});
  if (server->http_->max_connections() < options.max_connections) {
    Tell("at most {} connections instead of {}: the limit of open files (ulimit -Hn) is too low\n",
         server->http_->max_connections(), options.max_connections);
  }
  const serving::ServiceStatus status = server->service_->status();
  Tell(
      "serving bundle {} (log {}) on {}\n"
      "try  curl '{}/v1/recommendations?user=U&n=10'   stop with ^C\n",
      status.bundle_version, status.log_version, server->http_->url(), server->http_->url());
  return server;
}

void SiteServer::ServeUntilStopped(const std::function<void()>& on_stop) {
  while (WaitForHangup()) follower_->Look();
  http_->StopSoon();
  Tell("stopping: requests are answered for {} s more; ^C again ends at once\n",
       options_.stop_delay_s);
  on_stop();
  std::this_thread::sleep_for(std::chrono::seconds(options_.stop_delay_s));
  http_->Stop();
}

void AddServerFlags(CLI::App& app, net::ServerOptions* flags) {
  app.add_option("--address", flags->address, "Address to listen on")->capture_default_str();
  app.add_option("--port", flags->port, "Port; 0 takes any free one")->capture_default_str();
  app.add_flag("--allow-unprotected", flags->allow_unprotected,
               "Listen on an address that other machines reach although the server has neither TLS "
               "nor passwords");
  app.add_option("--threads", flags->threads, "Threads; 0: as many as the machine has")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
}

net::ServerOptions WithFlags(net::ServerOptions options, const net::ServerOptions& flags) {
  options.address = flags.address;
  options.port = flags.port;
  options.threads = flags.threads;
  options.allow_unprotected = flags.allow_unprotected;
  return options;
}

}  // namespace upnext::cli
