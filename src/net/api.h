// Requests to answers, without sockets: routing, parameters, JSON, problem details. http_server.h
// puts it on the wire, and tests call it directly.
//
//   Api api(service);
//   HttpResponse answer = api.Handle({.method = "GET", .target = "/healthz"});
//
// Any number of threads.
#ifndef UPNEXT_NET_API_H_
#define UPNEXT_NET_API_H_

#include <atomic>
#include <string>
#include <string_view>

#include "net/metrics.h"
#include "serving/service.h"

namespace upnext::net {

struct HttpRequest {
  std::string_view method, target, content_type, body;
};
struct HttpResponse {
  unsigned status = 200;
  std::string content_type = "application/json", body;
  std::string allow;  // the methods of the resource, with status 405
};

class Api {
 public:
  explicit Api(serving::Service& service);  // outlives this
  // Never fails: every error is a JSON problem details answer (RFC 9457), counted in the metrics.
  HttpResponse Handle(const HttpRequest& request);
  // An error that the transport found, e.g. 413 for a body that is too large.
  HttpResponse Problem(unsigned status, std::string_view detail);
  // While stopping, /readyz answers 503 so that load balancers look elsewhere.
  void SetStopping();

 private:
  Result<HttpResponse> Answer(const HttpRequest& request, Route* route);

  serving::Service& service_;
  Metrics metrics_;
  std::atomic<bool> stopping_{false};
};

}  // namespace upnext::net

#endif  // UPNEXT_NET_API_H_
