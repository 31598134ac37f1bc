#include "net/api.h"

#include <fmt/format.h>

#include <boost/url.hpp>
#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/time_text.h"
#include "net/content_type.h"
#include "net/entities.h"
#include "net/gzip.h"
#include "net/host.h"
#include "net/openapi.h"
#include "net/parameters.h"
#include "net/problem.h"
#include "net/slate_json.h"
#include "schema/schema.h"
#include "schema/values.h"

namespace upnext::net {

namespace urls = boost::urls;
using nlohmann::json;

namespace {

constexpr uint32_t kMaxItems = 1000;  // in one list
constexpr size_t kLargeBody = 256 << 10;
constexpr size_t kWorthGzip = 1 << 10;  // smaller answers fit into a packet anyway

Result<HttpResponse> Recommendations(serving::Service& service, const urls::url_view& url) {
  UPNEXT_ASSIGN_OR_RETURN(Parameters parameters, Parameters::Parse(url, "exclude"));
  serving::Request request;
  request.user = parameters.Text("user");
  request.device = parameters.Text("device");
  request.region = parameters.Text("region");
  request.current_item = parameters.Text("current_item");
  const std::string old_name = parameters.Text("seed");
  if (!request.current_item.empty() && !old_name.empty()) {
    return InvalidArgument("parameter seed is the old name of current_item, which is given too");
  }
  if (request.current_item.empty()) request.current_item = old_name;
  UPNEXT_ASSIGN_OR_RETURN(request.attributes,
                          parameters.Attributes(service.generation()->schema()));
  UPNEXT_ASSIGN_OR_RETURN(request.n, parameters.Count("n", 20, 1, kMaxItems));
  UPNEXT_ASSIGN_OR_RETURN(request.offset, parameters.Count("offset", 0, 0, kMaxItems - 1));
  request.exclude = parameters.Texts("exclude");
  request.score = parameters.TextIfGiven("score");
  UPNEXT_ASSIGN_OR_RETURN(const bool explain, parameters.Flag("explain"));
  UPNEXT_RETURN_IF_ERROR(parameters.CheckAllKnown());
  if (request.user.empty())
    return InvalidArgument("parameter user: expected a user id, found none");
  if (Status valid = schema::CheckId(request.user); !valid) {
    return WithContext(std::move(valid).error(), "parameter user");
  }
  if (request.last() > kMaxItems) {
    return InvalidArgument("parameters n and offset: expected at most {} in all, found {}",
                           kMaxItems, request.last());
  }
  const auto generation = service.generation();
  UPNEXT_ASSIGN_OR_RETURN(const serving::Slate slate, generation->Recommend(request));
  return JsonOf(SlateJson(slate, generation->engine().objective_names(), request.user, explain));
}

Result<HttpResponse> Similar(serving::Service& service, const urls::url_view& url,
                             const std::string& item) {
  UPNEXT_ASSIGN_OR_RETURN(Parameters parameters, Parameters::Parse(url));
  UPNEXT_ASSIGN_OR_RETURN(const uint32_t n, parameters.Count("n", 20, 1, kMaxItems));
  UPNEXT_RETURN_IF_ERROR(parameters.CheckAllKnown());
  const auto generation = service.generation();
  UPNEXT_ASSIGN_OR_RETURN(const auto similar, generation->Similar(item, n));
  return JsonOf({{"item", item},
                 {"items", ItemsJson(similar, {}, /*explain=*/true)},
                 {"bundle_version", generation->bundle_version()},
                 {"log_version", generation->log_version()}});
}

bool EqualWords(std::string_view a, std::string_view b) {
  return boost::urls::grammar::ci_is_equal(a, b);
}

bool IsGzip(std::string_view encoding) {
  return EqualWords(encoding, "gzip") || EqualWords(encoding, "x-gzip");
}

// Why the body is not taken before it is read: what it says that it is.
std::optional<HttpResponse> WrongBody(const HttpRequest& request, bool may_be_lines = false) {
  // A web page can send other types to any server without that server's consent.
  const std::string why =
      may_be_lines ? WhyNotJsonOrLines(request.content_type) : WhyNotJson(request.content_type);
  if (!why.empty()) return ProblemOf(415, why);
  const std::string_view encoding = request.content_encoding;
  if (encoding.empty() || EqualWords(encoding, "identity") || IsGzip(encoding)) return std::nullopt;
  HttpResponse refused =
      ProblemOf(415, fmt::format("expected Content-Encoding: gzip or none, found '{}'", encoding));
  refused.takes_gzip = true;
  return refused;
}

// Feeds work without a disk to write to, so that is no reason to send their requests elsewhere.
HttpResponse Ready(const serving::Service& service) {
  const serving::ServiceStatus status = service.status();
  json ready = {{"status", status.store.writable ? "ready" : "ready for feeds, events are refused"},
                {"bundle_version", status.bundle_version},
                {"log_version", status.log_version},
                {"since", base::FormatTime(status.take_ups.since_ms)},
                {"take_ups", status.take_ups.done},
                {"failed_take_ups", status.take_ups.failed}};
  if (!status.store.writable) ready["reason"] = status.store.reason;
  // Feeds are made all the same.
  if (!status.take_ups.failure.empty()) ready["not_taken_up"] = status.take_ups.failure;
  if (!status.take_ups.note.empty()) ready["note"] = status.take_ups.note;
  return JsonOf(ready);
}

struct Resource {
  Route route = Route::kOther;
  std::string_view methods;  // "GET, PUT"
  std::string id;            // of /v1/items/{id} and /v1/users/{id}
  // GET stands for HEAD too.
  bool Takes(std::string_view method) const {
    const std::string_view wanted = method == "HEAD" ? "GET" : method;
    const size_t at = methods.find(wanted);
    return !wanted.empty() && at != std::string_view::npos && (at == 0 || methods[at - 1] == ' ') &&
           (at + wanted.size() == methods.size() || methods[at + wanted.size()] == ',');
  }
  std::string Allow() const {
    return std::string(methods.starts_with("GET") ? "GET, HEAD" : "") +
           std::string(methods.substr(methods.starts_with("GET") ? 3 : 0));
  }
};

Resource Find(const urls::url_view& url) {
  std::vector<std::string> path;
  for (const auto segment : url.segments()) path.emplace_back(segment);
  const auto is = [&](std::initializer_list<std::string_view> want) {
    return std::ranges::equal(path, want);
  };
  if (is({"v1", "recommendations"})) return {Route::kRecommendations, "GET", {}};
  if (is({"v1", "events"})) return {Route::kEvents, "POST", {}};
  if (is({"v1", "items"})) return {Route::kItems, "GET, POST", {}};
  if (is({"v1", "users"})) return {Route::kUsers, "GET, POST", {}};
  if (is({"healthz"})) return {Route::kHealth, "GET", {}};
  if (is({"readyz"})) return {Route::kReady, "GET", {}};
  if (is({"metrics"})) return {Route::kMetrics, "GET", {}};
  if (is({"v1", "status"})) return {Route::kStatus, "GET", {}};
  if (is({"status"})) return {Route::kStatusPage, "GET", {}};
  if (is({"openapi.json"})) return {Route::kOpenApi, "GET", {}};
  if (path.size() == 4 && path[0] == "v1" && path[1] == "items" && path[3] == "similar") {
    return {Route::kSimilar, "GET", path[2]};
  }
  if (path.size() == 3 && path[0] == "v1" && path[1] == "items") {
    return {Route::kItem, "GET, PUT, PATCH, DELETE", path[2]};
  }
  if (path.size() == 3 && path[0] == "v1" && path[1] == "users") {
    return {Route::kUser, "GET, PUT, PATCH, DELETE", path[2]};
  }
  return {};
}

// What web pages of other sites may use, if [server] allow_origins lists them.
bool IsForPages(Route route) {
  return route == Route::kRecommendations || route == Route::kSimilar || route == Route::kEvents;
}

}  // namespace

Api::Api(serving::Service& service, const ServerOptions& options)
    : service_(service),
      hosts_(options.hosts),
      pages_(options.allow_origins),
      max_body_bytes_(options.max_body_bytes),
      bodies_(options.max_bodies_bytes),
      answers_(options.max_bodies_bytes),
      started_ms_(base::SystemClock().NowMs()) {}

void Api::SetStopping() { stopping_ = true; }

Lane Api::LaneOf(const HttpRequest& request) const {
  const auto url = ParseTarget(request.target);
  if (!url || request.method == "OPTIONS") return Lane::kAtOnce;
  switch (Find(*url).route) {
    case Route::kRecommendations:
    case Route::kSimilar:
    case Route::kStatus:
    case Route::kStatusPage:
      return Lane::kRead;
    case Route::kEvents:
      return Lane::kWrite;
    case Route::kItems:
    case Route::kUsers:
      return request.method == "POST" ? Lane::kWrite : Lane::kRead;
    case Route::kItem:
    case Route::kUser:
      return request.method == "GET" || request.method == "HEAD" ? Lane::kAtOnce : Lane::kWrite;
    default:
      return Lane::kAtOnce;
  }
}

HttpResponse Api::Refuse(Refusal why, unsigned status, std::string_view detail) {
  metrics_.Refused(why);
  metrics_.Observe(Route::kOther, status, 0);
  return ProblemOf(status, detail);
}

Result<HttpRequest> Api::Plain(const HttpRequest& request, Unpacked* unpacked) {
  const bool gzip = IsGzip(request.content_encoding);
  // Reading JSON can take fourteen times its size for a moment, so large bodies take turns, and
  // those whose size is not known yet.
  if (gzip || request.body.size() > kLargeBody) {
    unpacked->turn = std::unique_lock<base::Mutex>(large_bodies_);
  }
  HttpRequest plain = request;
  if (!gzip) return plain;
  UPNEXT_ASSIGN_OR_RETURN(unpacked->body, Gunzip(request.body, max_body_bytes_));
  plain.body = unpacked->body;
  return plain;
}

HttpResponse Api::RefuseBody(const Error& error) {
  if (error.code != Code::kResourceExhausted) return ProblemOf(error);
  metrics_.Refused(Refusal::kBody);
  return ProblemOf(413, error.message);
}

SiteStatus Api::Site() const {
  return {.service = service_.status(),
          .requests = metrics_.Answered(1),
          .failed_requests = metrics_.Answered(5),
          .now_ms = base::SystemClock().NowMs(),
          .started_ms = started_ms_,
          .steps = status_source_.steps(),
          .bytes = status_source_.bytes()};
}

std::string Api::Description() {
  const auto generation = service_.generation();
  base::MutexLock lock(description_mutex_);
  if (described_.lock() != generation) {
    description_ = OpenApi(generation->schema());
    described_ = generation;
  }
  return description_;
}

Result<HttpResponse> Api::Events(const HttpRequest& request) {
  if (std::optional<HttpResponse> refused = WrongBody(request)) return *std::move(refused);
  const auto generation = service_.generation();
  Result<EventBatch> batch;
  {
    Unpacked unpacked;
    const Result<HttpRequest> plain = Plain(request, &unpacked);
    if (!plain) return RefuseBody(plain.error());
    batch = ParseEvents(generation->schema(), plain->body);
  }
  if (!batch) return std::unexpected(std::move(batch).error());
  UPNEXT_ASSIGN_OR_RETURN(
      const serving::Posted posted,
      service_.PostEvents(std::move(batch->events), batch->ids, request.client));
  return JsonOf({{"accepted", posted.accepted},
                 {"duplicates", posted.duplicates},
                 {"bundle_version", posted.bundle_version},
                 {"log_version", posted.log_version}});
}

Result<HttpResponse> Api::Entities(const HttpRequest& request, Route route, const std::string& name,
                                   const urls::url_view& url) {
  const bool many = route == Route::kItems || route == Route::kUsers;
  const auto entity = route == Route::kItem || route == Route::kItems ? schema::Entity::kItem
                                                                      : schema::Entity::kUser;
  const auto answer = [&](const HttpRequest& asked) {
    return many ? AnswerRows(service_, entity, asked, url)
                : AnswerRow(service_, entity, name, asked, url);
  };
  const bool has_body =
      request.method == "PUT" || request.method == "PATCH" || request.method == "POST";
  if (!has_body) return answer(request);
  if (std::optional<HttpResponse> refused = WrongBody(request, many)) return *std::move(refused);
  Unpacked unpacked;
  const Result<HttpRequest> plain = Plain(request, &unpacked);
  if (!plain) return RefuseBody(plain.error());
  return answer(*plain);
}

Result<HttpResponse> Api::Answer(const HttpRequest& request, Route* route) {
  if (!request.host.empty() && !IsOwnHost(request.host, hosts_)) {
    metrics_.Refused(Refusal::kHost);
    return ProblemOf(421,
                     fmt::format("Host '{}': expected an IP address, localhost, or a name that "
                                 "[server] hosts in the project file lists",
                                 request.host));
  }
  UPNEXT_ASSIGN_OR_RETURN(const urls::url_view url, ParseTarget(request.target));
  const Resource resource = Find(url);
  *route = resource.route;
  if (resource.route == Route::kOther) {
    return NotFound("there is no resource {}; /openapi.json lists them",
                    request.target.substr(0, request.target.find('?')));
  }
  if (request.method == "OPTIONS" && pages_.enabled() && IsForPages(resource.route)) {
    if (pages_.Allows(request.origin)) return pages_.Preflight(resource.methods);
    return ProblemOf(403, fmt::format("Origin '{}': expected one that [server] allow_origins in "
                                      "the project file lists",
                                      request.origin));
  }
  if (!resource.Takes(request.method)) {
    HttpResponse refused =
        ProblemOf(405, fmt::format("expected {}, found {}", resource.methods, request.method));
    refused.allow = resource.Allow();
    return refused;
  }
  switch (resource.route) {
    case Route::kRecommendations:
      return Recommendations(service_, url);
    case Route::kEvents:
      return Events(request);
    case Route::kItem:
    case Route::kUser:
    case Route::kItems:
    case Route::kUsers:
      return Entities(request, resource.route, resource.id, url);
    case Route::kSimilar:
      return Similar(service_, url, resource.id);
    case Route::kHealth:
      return JsonOf({{"status", "ok"}});
    case Route::kReady:
      if (stopping_) return ProblemOf(503, "the server is stopping");
      return Ready(service_);
    case Route::kMetrics:
      return HttpResponse{
          .content_type = "text/plain; version=0.0.4; charset=utf-8",
          .body = metrics_.Render(service_.status(), {.connections = connections_,
                                                      .body_bytes = bodies_.used(),
                                                      .answer_bytes = answers_.used()}) +
                  StepMetrics(status_source_.steps())};
    case Route::kStatus:
      return HttpResponse{.body = StatusJson(Site())};
    case Route::kStatusPage:
      return HttpResponse{.content_type = "text/html; charset=utf-8", .body = StatusPage(Site())};
    case Route::kOpenApi:
      return HttpResponse{.body = Description()};
    case Route::kOther:
      break;
  }
  return Internal("a route without an answer");
}

HttpResponse Api::Handle(const HttpRequest& request) {
  const auto begin = std::chrono::steady_clock::now();
  Route route = Route::kOther;
  Result<HttpResponse> answer = [&]() -> Result<HttpResponse> {
    try {
      Result<HttpResponse> made = Answer(request, &route);
      if (made && made->body.size() >= kWorthGzip && AcceptsGzip(request.accept_encoding)) {
        made->body = Gzip(made->body);
        made->gzipped = true;
      }
      return made;
    } catch (const std::exception& error) {  // of a library, or out of memory
      return Internal("the request could not be answered: {}", error.what());
    }
  }();
  HttpResponse response = answer ? *std::move(answer) : ProblemOf(answer.error());
  if (IsForPages(route)) pages_.Mark(request, &response);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
  metrics_.Observe(route, response.status, elapsed.count());
  return response;
}

}  // namespace upnext::net
