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
#include <boost/url/url_view.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "net/admin.h"
#include "net/byte_budget.h"
#include "net/cross_origin.h"
#include "net/event_json.h"
#include "net/guard.h"
#include "net/http_message.h"
#include "net/keys.h"
#include "net/metrics.h"
#include "net/observers.h"
#include "net/routes.h"
#include "net/server_options.h"
#include "net/status_page.h"
#include "schema/schema.h"
#include "serving/service.h"

namespace upnext::net {

// Who may call, and where that is noted.
struct ApiAccess {
  std::shared_ptr<KeyRing> keys = nullptr;  // null: anybody may
  // Gets a line of JSON for every request to a resource that needs the role admin. Called on any thread; empty: not noted.
  std::function<void(std::string_view line)> audit = {};
  std::shared_ptr<Observers> observers = nullptr;  // get every request; null: none
};

class Api {
 public:
  explicit Api(serving::Service& service,  // outlives this
               const ServerOptions& options = {}, ApiAccess access = {});
  Lane LaneOf(const HttpRequest& request) const;
  // Never fails: every error is a JSON problem details answer (RFC 9457), counted in the metrics.
  HttpResponse Handle(const HttpRequest& request);
  // The answer to what the transport refuses, e.g. 413 for a body that is too large. One of status
  // 503 asks the client to try again after a second.
  HttpResponse Refuse(Refusal why, unsigned status, std::string_view detail);
  // What /status shows beside the service; before the first request.
  void SetStatusSource(StatusSource source) { status_source_ = std::move(source); }
  // What an operator may do beside asking; before the first request.
  void SetOperations(Operations operations) { operations_ = std::move(operations); }
  // While stopping, /readyz answers 503 so that load balancers look elsewhere.
  void SetStopping();
  // What the transport holds, for its limits and for the metrics.
  ByteBudget& bodies() { return bodies_; }
  ByteBudget& answers() { return answers_; }
  std::atomic<size_t>& connections() { return connections_; }

 private:
  // `line`: that of the path, for the metrics, also when the answer is an error; `who`: the key.
  Result<HttpResponse> Answer(const HttpRequest& request, const RouteInfo** line, std::string* who);
  Result<HttpResponse> Events(const HttpRequest& request, const Caller& caller);
  std::optional<HttpResponse> ChargeFor(const Caller& caller, uint32_t cost);
  SiteStatus Site() const;  // /status
  HttpResponse MetricsAnswer() const;
  std::string Description();  // /openapi.json, made once for a generation
  Result<HttpResponse> Entities(const HttpRequest& request, Route route, const std::string& name,
                                const boost::urls::url_view& url);
  // The answer to the request with its body unpacked, if its method has one; a refusal of the body.
  Result<HttpResponse> WithBody(
      const HttpRequest& request,
      const std::function<Result<HttpResponse>(const HttpRequest&)>& answer,
      bool may_be_lines = false);
  // What a request's body is while it is parsed: not compressed, and in turn with others if it is large.
  struct Unpacked {
    std::unique_lock<base::Mutex> turn = {};
    std::string body = {};
  };
  Result<HttpRequest> Plain(const HttpRequest& request, Unpacked* unpacked);
  HttpResponse RefuseBody(const Error& error);
  // In metrics, log and traces; `line` may be null.
  void Note(const HttpRequest& request, const HttpResponse& response, const RouteInfo* line,
            std::string who, std::chrono::steady_clock::duration elapsed);

  serving::Service& service_;
  const ApiAccess access_;
  Guard guard_;
  const std::vector<std::string> hosts_;
  const CrossOrigin pages_;
  const uint64_t max_body_bytes_;
  ByteBudget bodies_, answers_;
  std::atomic<size_t> connections_{0};
  base::Mutex large_bodies_, description_mutex_;
  std::weak_ptr<const serving::Generation> described_ UPNEXT_GUARDED_BY(description_mutex_);
  std::string description_ UPNEXT_GUARDED_BY(description_mutex_);
  Metrics metrics_;
  StatusSource status_source_;
  Operations operations_;
  BackupTurn backups_;
  const int64_t started_ms_;
  std::atomic<bool> stopping_{false};
};

}  // namespace upnext::net

#endif  // UPNEXT_NET_API_H_
