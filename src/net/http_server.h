// An HTTP/1.1 server: Boost.Beast on Asio. Reads requests, has the Api answer them, writes answers.
//
//   Api api(*service, options);
//   UPNEXT_ASSIGN_OR_RETURN(auto server, HttpServer::Start(options, api));
//   server->StopSoon();  ...  server->Stop();
//
// A few threads read and write sockets; requests that compute or wait for a disk are answered by
// threads of their own (Api::LaneOf), so that a slow disk delays no other request. Everything that
// clients can make grow has a limit: connections, bytes of headers, of chunk frames, of one body, of
// all bodies, of all answers, and requests that wait; what is above it is refused. Any thread.
#ifndef UPNEXT_NET_HTTP_SERVER_H_
#define UPNEXT_NET_HTTP_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "net/api.h"
#include "net/server_options.h"

namespace upnext::net {

class HttpServer {
 public:
  // Binds and starts to serve; `api` outlives the server. Raises the process's limit of open files.
  // kUnavailable when the port is taken; kFailedPrecondition for an address that other machines
  // reach, unless options.allow_unprotected.
  static Result<std::unique_ptr<HttpServer>> Start(const ServerOptions& options, Api& api);
  ~HttpServer();  // as Stop()
  uint16_t port() const;
  std::string url() const;         // "http://127.0.0.1:8080"
  size_t max_connections() const;  // those of the options, or fewer when files are short
  // /readyz answers 503 and every answer closes its connection; new connections are still taken.
  void StopSoon();
  // Graceful: takes the connections that have come, then no more; requests that have begun or are
  // on their way are answered, as far as stop_patience_s allows; then returns.
  void Stop();

 private:
  struct Rep;
  explicit HttpServer(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace upnext::net

#endif  // UPNEXT_NET_HTTP_SERVER_H_
