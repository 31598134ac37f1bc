// An HTTP/1.1 server: Boost.Beast on Asio. Reads requests, has the Api answer them, writes answers.
//
//   Api api(*service);
//   UPNEXT_ASSIGN_OR_RETURN(auto server, HttpServer::Start({.port = 8080}, api));
//   server->Stop();
//
// A few threads read and write sockets; requests that compute or wait for a disk are answered by
// threads of their own (Api::LaneOf), so that a slow disk delays no other request. When too many
// wait, the answer is 503 with Retry-After. Loopback unless another address is given. Any thread.
#ifndef UPNEXT_NET_HTTP_SERVER_H_
#define UPNEXT_NET_HTTP_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "net/api.h"

namespace upnext::net {

struct ServerOptions {
  std::string address = "127.0.0.1";
  uint16_t port = 8080;  // 0: any free one, see port()
  int threads = 0;       // of sockets, and as many for reads; 0: as many as the machine has
  // More writers share one write to the disk, so they are many although they only wait.
  size_t writers = 32;
  size_t max_waiting = 1024;  // requests that wait for a thread, of reads and of writes each
  uint64_t max_body_bytes = 8 << 20;
  int timeout_s = 30;        // idle connections and slow requests
  int stop_patience_s = 10;  // how long Stop() waits for requests in flight
};

class HttpServer {
 public:
  // Binds and starts to serve; `api` outlives the server. kUnavailable when the port is taken.
  static Result<std::unique_ptr<HttpServer>> Start(const ServerOptions& options, Api& api);
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
