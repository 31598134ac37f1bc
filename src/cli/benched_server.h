// A server as `upnext serve` runs it, in the process of a benchmark and with a store of its own.
//
//   const ScratchStore scratch{folder / "bench-store"};
//   UPNEXT_ASSIGN_OR_RETURN(const BenchedServer server, BenchedServer::Start(settings, 0, scratch.path));
//   RunLoad(server.http->url(), server.names, load)
#ifndef UPNEXT_CLI_BENCHED_SERVER_H_
#define UPNEXT_CLI_BENCHED_SERVER_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "api/settings.h"
#include "base/file.h"
#include "base/status.h"
#include "cli/events_load.h"
#include "net/api.h"
#include "net/http_server.h"
#include "serving/service.h"

namespace upnext::cli {

// A folder that is removed in the end.
struct ScratchStore {
  std::filesystem::path path;
  ~ScratchStore() { (void)base::RemoveAll(path); }
};

// Of this process, in user and system mode.
double ProcessCpuSeconds();

struct BenchedServer {
  LoadNames names;
  std::unique_ptr<serving::Service> service;
  std::unique_ptr<net::Api> api;
  std::unique_ptr<net::HttpServer> http;

  // `threads`: 0 as `upnext serve` chooses them. Without keys, on a free port of the loopback.
  static Result<BenchedServer> Start(const api::Settings& settings, int threads,
                                     const std::filesystem::path& store_folder);
};

// --folder, --threads, --seed and --json.
void AddBenchedFlags(CLI::App& app, std::string* folder, int* threads, uint64_t* seed,
                     bool* as_json);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_BENCHED_SERVER_H_
