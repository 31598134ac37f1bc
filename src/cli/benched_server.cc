#include "cli/benched_server.h"

#include <sys/resource.h>

#include <utility>

#include "bundle/opened_bundle.h"
#include "project/project.h"
#include "store/store.h"

namespace upnext::cli {

double ProcessCpuSeconds() {
  rusage used = {};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

Result<BenchedServer> BenchedServer::Start(const api::Settings& settings, int threads,
                                           const std::filesystem::path& store_folder) {
  BenchedServer out;
  UPNEXT_ASSIGN_OR_RETURN(bundle::OpenedBundle opened,
                          settings.project.OpenBundle(bundle::LogChoice::kNewest));
  out.names = NamesOf(opened.log);
  UPNEXT_ASSIGN_OR_RETURN(std::shared_ptr<store::Store> store,
                          store::OpenRocksStore(store_folder, settings.project.schema()));
  serving::GenerationOptions options;
  options.engine = settings.engine;
  options.signals = settings.project.signals();
  options.schema = settings.project.schema();
  UPNEXT_ASSIGN_OR_RETURN(out.service,
                          serving::Service::Start(std::move(opened), options, std::move(store)));
  net::ServerOptions how = settings.server;
  how.port = 0;
  how.threads = threads;
  out.api = std::make_unique<net::Api>(*out.service, how);
  UPNEXT_ASSIGN_OR_RETURN(out.http, net::HttpServer::Start(how, *out.api));
  return out;
}

void AddBenchedFlags(CLI::App& app, std::string* folder, int* threads, uint64_t* seed,
                     bool* as_json) {
  app.add_option("--folder", *folder,
                 "Folder for the store of the run, which is removed afterwards (default: the "
                 "project's)");
  app.add_option("--threads", *threads, "Threads of the server, as for upnext serve")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_option("--seed", *seed, "Seed of the load")->capture_default_str();
  app.add_flag("--json", *as_json, "Print JSON");
}

}  // namespace upnext::cli
