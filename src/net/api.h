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
#include <cstdint>
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
  std::string allow = {};  // the methods of the resource, with status 405
  int retry_after_s = 0;   // with status 503
};

// Where a request is to be answered.
enum class Lane : uint8_t {
  kAtOnce,  // from memory: on the thread that read it
  kRead,    // computes, and may read a disk
  kWrite,   // waits for a write to a disk
};

class Api {
 public:
  explicit Api(serving::Service& service);  // outlives this
  Lane LaneOf(const HttpRequest& request) const;
  // Never fails: every error is a JSON problem details answer (RFC 9457), counted in the metrics.
  HttpResponse Handle(const HttpRequest& request);
  // An error that the transport found, e.g. 413 for a body that is too large. One of status 503 asks
  // the client to try again after a second.
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
