// What the command line and [server] of the project file say about the HTTP server. A plain value.
//
//   ServerOptions options = ServerOptions::FromConfig(config);
#ifndef UPNEXT_NET_SERVER_OPTIONS_H_
#define UPNEXT_NET_SERVER_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/config.h"

namespace upnext::net {

struct ServerOptions {
  // Of the command line.
  std::string address = "127.0.0.1";  // "localhost" and "[::1]" are read too
  uint16_t port = 8080;               // 0: any free one, see HttpServer::port()
  int threads = 0;  // of sockets, and as many for reads; 0: as many as the machine has
  bool allow_unprotected = false;  // an address that other machines reach, without TLS or keys

  // Of the project file.
  std::vector<std::string> hosts = {};             // names under which clients may call, "*": any
  std::vector<std::string> allow_origins = {};     // whose pages may read answers (cross_origin.h)
  std::string certificate = {}, private_key = {};  // files in PEM (tls.h); "": no TLS
  // Whether requests need a key (keys.h).
  bool keys = true;
  // Of one key, and of one client where none is needed; 0: any number. Of a client of web pages, which
  // share a key.
  uint32_t requests_per_second = 0, page_requests_per_second = 20;
  size_t max_connections = 4096;
  uint64_t max_body_bytes = 8 << 20;
  // That bodies of requests may hold in all, and that answers which clients have not read may.
  uint64_t max_bodies_bytes = 64 << 20;
  int timeout_s = 30;           // idle connections and slow requests
  int max_clock_ahead_s = 300;  // of a posted event's time before the server's clock
  // Names that posted events may add to those of the log, and that one client may add on a day.
  uint64_t max_new_names = 2'000'000, max_new_names_per_client = 200'000;
  uint64_t memory_bytes = 0;  // of the whole process; 0: each part has a limit of its own
  std::string backups = {};   // the folder below which POST /v1/backup writes; "": nowhere
  // Where requests are noted (request_log.h): a file, "-" for stdout, "" for nowhere; and its size.
  std::string request_log = {};
  uint64_t request_log_bytes = 256 << 20;
  // Where traces go (trace_exporter.h), "" for nowhere, and the share of requests that have one.
  std::string otlp = {};
  double otlp_share = 0.01;
  int stop_delay_s = 3;  // from the end of readiness to Stop(); the caller waits

  // More writers share one write to the disk, so they are many although they only wait.
  size_t writers = 32;
  size_t operators = 4;       // of requests of Lane::kAdmin
  size_t max_waiting = 1024;  // requests that wait for a thread, of each lane
  int stop_patience_s = 10;   // how long Stop() waits for requests in flight

  static ServerOptions FromConfig(const base::Config& config);
};

}  // namespace upnext::net

#endif  // UPNEXT_NET_SERVER_OPTIONS_H_
