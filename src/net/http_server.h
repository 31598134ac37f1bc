// The HTTP face of serving::Service: Boost.Beast on Asio, JSON in and out
// (docs/guides/http_api.md).
//
//   GET  /v1/recommendations?user=U&n=20&device=..&region=..&current_item=..&explain=1
//   POST /v1/events                      {"events": [{"user": "u", "item": "i", "type": "watch",
//   "value": 12.5}]} GET  /v1/items/{id}/similar?n=20 GET  /healthz  /readyz  /metrics
//   /openapi.json
//
// Errors are JSON problem details (RFC 9457). Loopback unless told otherwise.
#ifndef UPNEXT_NET_HTTP_SERVER_H_
#define UPNEXT_NET_HTTP_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "serving/service.h"

namespace upnext::net {

struct ServerOptions {
  std::string address = "127.0.0.1";
  uint16_t port = 8080;  // 0: any free one, see port()
  int threads = 0;       // 0: as many as the machine has
  uint64_t max_body_bytes = 8 << 20;
  int timeout_s = 30;        // idle connections and slow requests
  int stop_patience_s = 10;  // how long Stop() waits for requests in flight
};

class HttpServer {
 public:
  // Binds and starts to serve; `service` outlives the server. kUnavailable when the port is taken.
  static Result<std::unique_ptr<HttpServer>> Start(const ServerOptions& options,
                                                   serving::Service& service);
  ~HttpServer();  // as Stop()
  uint16_t port() const;
  // Graceful: no new connections, idle ones are closed, requests that have begun are answered, as
  // far as stop_patience_s allows; then returns.
  void Stop();

 private:
  struct Rep;
  explicit HttpServer(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace upnext::net

#endif  // UPNEXT_NET_HTTP_SERVER_H_
