#include "cli/site_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/size_text.h"
#include "base/toml_text.h"
#include "bundle/bundle.h"
#include "bundle/manifest.h"
#include "bundle/opened_bundle.h"
#include "cli/memory_budget.h"
#include "cli/older_log.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/site_operations.h"
#include "cli/variables.h"
#include "net/keys.h"
#include "net/observers.h"
#include "project/project.h"
#include "ranking/objectives.h"
#include "ranking/score.h"
#include "serving/scenario.h"
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

uint64_t BytesOf(const bundle::Bundle& bundle) {
  uint64_t bytes = 0;
  for (const bundle::PartEntry& part : bundle.manifest().parts) bytes += part.bytes;
  return bytes;
}

net::MemoryParts MemoryUse(const serving::Service& service) {
  const auto generation = service.generation();
  const serving::ServiceStatus status = service.status();
  return {{"process", ResidentBytes()},
          {"bundle", BytesOf(generation->bundle())},
          {"states", generation->states().cached_bytes()},
          {"records", generation->catalogue().posted_bytes()},
          {"slates", status.shown_bytes},
          {"store", status.store_bytes}};
}

// Appends lines to a file, which is opened for each, so that it may be moved away.
std::function<void(std::string_view)> AppendTo(const fs::path& file) {
  return [file](std::string_view line) {
    const int to = open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR);
    const bool written =
        to >= 0 && write(to, line.data(), line.size()) == static_cast<ssize_t>(line.size());
    if (!written)
      Tell("{}: cannot write: {}; the line was {}", file.string(), std::strerror(errno), line);
    if (to >= 0) close(to);
  };
}

// A score of a scenario names objectives of the ranker that is served.
Status CheckScores(const serving::Scenarios& scenarios,
                   std::span<const ranking::Objective> objectives) {
  for (const serving::Scenario& one : scenarios.all()) {
    if (!one.score || objectives.empty()) continue;
    UPNEXT_ASSIGN_OR_RETURN(const auto weights, ranking::ParseScoreWeights(*one.score));
    auto exponents = ranking::ExponentsOf(weights, objectives);
    if (exponents) continue;
    return WithContext(std::move(exponents).error(), one.Title() + " score");
  }
  return Ok();
}

struct Opened {
  net::ApiAccess access;
  std::string header;  // of a first request with curl
};
// The keys of the project, of which the first is made here.
Result<Opened> OpenAccess(const project::Project& project, const net::ServerOptions& options) {
  Opened opened{.access = {.audit = AppendTo(project.audit())}, .header = ""};
  if (!options.keys) return opened;
  opened.header = "-H 'Authorization: Bearer KEY' ";
  auto keys = net::KeyRing::Open(project.keys(), base::SystemClock());
  if (!keys && keys.error().code == Code::kNotFound) {
    UPNEXT_ASSIGN_OR_RETURN(
        const net::NewKey first,
        net::AddKey(project.keys(), {.name = "made by the first start of the server",
                                     .roles = {net::Role::kAdmin},
                                     .created_ms = base::SystemClock().NowMs()}));
    Tell(
        "key  {}\n"
        "     for requests of every kind; shown this once. `upnext keys` makes others\n",
        first.secret);
    opened.header = fmt::format("-H 'Authorization: Bearer {}' ", first.secret);
    keys = net::KeyRing::Open(project.keys(), base::SystemClock());
  }
  if (!keys) return std::unexpected(std::move(keys).error());
  opened.access.keys = *std::move(keys);
  return opened;
}

}  // namespace

Result<std::unique_ptr<SiteServer>> SiteServer::Start(const api::Settings& settings,
                                                      const net::ServerOptions& wanted,
                                                      Steps steps) {
  LimitArenas();
  net::ServerOptions options = wanted;
  const project::Project& project = settings.project;
  UPNEXT_RETURN_IF_ERROR(TellOlderLog(project));
  // Before the store, which is made when there is none: without a bundle the project stays as it is.
  UPNEXT_ASSIGN_OR_RETURN(bundle::OpenedBundle opened,
                          project.OpenBundle(bundle::LogChoice::kNewest));
  UPNEXT_ASSIGN_OR_RETURN(std::shared_ptr<store::Store> store, project.OpenStore());
  const auto& limits = settings.import.time_limits;
  serving::GenerationOptions generation{
      .engine = settings.engine,
      .signals = project.signals(),
      .schema = project.schema(),
      .max_ahead_ms = std::min(int64_t{1000} * settings.server.max_clock_ahead_s,
                               limits.days_ahead * base::kDayMs),
      .max_behind_ms = limits.days_behind * base::kDayMs,
      .max_new_names = settings.server.max_new_names,
      .max_new_names_per_client = settings.server.max_new_names_per_client};
  UPNEXT_RETURN_IF_ERROR(ApplyMemory(BytesOf(*opened.bundle), &options, &generation));
  UPNEXT_ASSIGN_OR_RETURN(auto service,
                          serving::Service::Start(std::move(opened), generation, store));
  UPNEXT_RETURN_IF_ERROR(
      CheckScores(settings.engine.scenarios, service->generation()->engine().objectives()));
  UPNEXT_ASSIGN_OR_RETURN(Opened access, OpenAccess(project, options));
  UPNEXT_ASSIGN_OR_RETURN(access.access.observers, net::Observers::Open(options));
  std::unique_ptr<SiteServer> server(
      new SiteServer(std::move(service), options, std::move(access.access)));
  server->api_.SetStatusSource(
      {.memory = [service = server->service_.get()] { return MemoryUse(*service); },
       .steps = std::move(steps),
       .bytes = [&project] { return DiskUse(project); }});
  InstallHangupHandler();
  server->service_->generation()->Warm();  // before it listens, so before it is ready
  server->follower_ = std::make_unique<serving::Follower>(
      *server->service_, store,
      serving::FollowerOptions{.service = {.log_root = project.logs().root(),
                                           .bundle_root = project.bundles().root(),
                                           .generation = generation},
                               .report = [](std::string_view line) { Tell("{}\n", line); }});
  server->api_.SetOperations(OperationsOf(settings, *server->follower_, std::move(store)));
  UPNEXT_ASSIGN_OR_RETURN(server->http_, net::HttpServer::Start(options, server->api_));
  if (server->http_->max_connections() < options.max_connections) {
    Tell("at most {} connections instead of {}: the limit of open files (ulimit -Hn) is too low\n",
         server->http_->max_connections(), options.max_connections);
  }
  const serving::ServiceStatus status = server->service_->status();
  Tell(
      "serving bundle {} (log {}) on {}\n"
      "try  curl {}'{}/v1/recommendations?user=U&n=10'   stop with ^C\n",
      status.bundle_version, status.log_version, server->http_->url(), access.header,
      server->http_->url());
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
  app.add_option("--address", flags->address, "Address to listen on")
      ->envname("UPNEXT_ADDRESS")
      ->capture_default_str();
  app.add_option("--port", flags->port, "Port; 0 takes any free one")
      ->envname("UPNEXT_PORT")
      ->capture_default_str();
  app.add_flag("--allow-unprotected", flags->allow_unprotected,
               "Listen on an address that other machines reach without TLS or without keys")
      ->envname("UPNEXT_ALLOW_UNPROTECTED");
  app.add_flag("!--no-keys", flags->keys, "Answer requests without a key too")
      ->envname("UPNEXT_NO_KEYS");
  app.add_option(
         "--request-log", flags->request_log,
         "File for a line of JSON for each request, - for stdout; else [server] request_log")
      ->type_name("FILE")
      ->envname("UPNEXT_REQUEST_LOG");
  app.add_option_function<std::string>(
         "--memory",
         [flags](const std::string& text) {
           const Result<uint64_t> bytes = base::ParseSize(text);
           if (!bytes) throw CLI::ValidationError("--memory", bytes.error().message);
           flags->memory_bytes = *bytes;
         },
         "Memory of the process, such as 2GiB (default: [server] memory, else a limit for each part)")
      ->type_name("SIZE")
      ->envname("UPNEXT_MEMORY");
  app.add_option("--threads", flags->threads, "Threads; 0: as many as the machine has")
      ->check(CLI::Range(0, 1024))
      ->envname("UPNEXT_THREADS")
      ->capture_default_str();
}

net::ServerOptions WithFlags(net::ServerOptions options, const net::ServerOptions& flags) {
  options.address = flags.address;
  options.port = flags.port;
  options.threads = flags.threads;
  options.keys = options.keys && flags.keys;
  if (!flags.request_log.empty()) options.request_log = flags.request_log;
  if (flags.memory_bytes != 0) options.memory_bytes = flags.memory_bytes;
  options.allow_unprotected = flags.allow_unprotected;
  return options;
}

void NoteServerFlags(const CLI::App& app, const net::ServerOptions& options,
                     const base::Config& config) {
  const auto note = [&](const char* key, const std::string& value, const char* flag) {
    config.Use(key, value, OriginOf(app, flag));
  };
  note("server.address", base::TomlText(options.address), "--address");
  note("server.port", base::TomlText(int64_t{options.port}), "--port");
  note("server.threads", base::TomlText(int64_t{options.threads}), "--threads");
  note("server.allow_unprotected", base::TomlText(options.allow_unprotected),
       "--allow-unprotected");
  // What the project file has too.
  const auto note_given = [&](const char* key, const std::string& value, const char* flag) {
    if (app.count(flag) > 0) note(key, value, flag);
  };
  note_given("server.memory", base::TomlText(fmt::format("{}MiB", options.memory_bytes >> 20)),
             "--memory");
  note_given("server.keys", base::TomlText(options.keys), "--no-keys");
  note_given("server.request_log", base::TomlText(options.request_log), "--request-log");
}

}  // namespace upnext::cli
