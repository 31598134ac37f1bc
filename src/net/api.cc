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
#include "net/admin.h"
#include "net/attribution_metrics.h"
#include "net/content_type.h"
#include "net/entities.h"
#include "net/guide_pages.h"
#include "net/gzip.h"
#include "net/history.h"
#include "net/host.h"
#include "net/openapi.h"
#include "net/parameters.h"
#include "net/problem.h"
#include "net/recommendations.h"
#include "net/routes.h"
#include "net/served_answer.h"
#include "net/sessions.h"
#include "schema/schema.h"
#include "serving/bundle_figures.h"

namespace upnext::net {

namespace urls = boost::urls;
using nlohmann::json;

namespace {

constexpr size_t kLargeBody = 256 << 10;
constexpr size_t kWorthGzip = 1 << 10;  // smaller answers fit into a packet anyway

// The answer to a caller that is not let in.
HttpResponse RefusalOf(const Refused& refused) {
  HttpResponse answer = ProblemOf(refused.status, refused.detail);
  answer.asks_key = refused.status == 401;
  return answer;
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

// One line of JSON in ASCII: what a client sends cannot end a line or move the cursor of a terminal.
std::string AuditLine(const HttpRequest& request, std::string_view key, unsigned status) {
  const json line = {{"time", base::FormatTime(base::SystemClock().NowMs())},
                     {"key", key},
                     {"client", request.client},
                     {"method", request.method},
                     {"target", request.target},
                     {"status", status}};
  return line.dump(-1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace) + "\n";
}

}  // namespace

Api::Api(serving::Service& service, const ServerOptions& options, ApiAccess access)
    : service_(service),
      access_(std::move(access)),
      guard_(options, access_.keys),
      hosts_(options.hosts),
      pages_(options.allow_origins),
      max_body_bytes_(options.max_body_bytes),
      bodies_(options.max_bodies_bytes),
      answers_(options.max_bodies_bytes),
      started_ms_(base::SystemClock().NowMs()) {}

void Api::SetStopping() { stopping_ = true; }

Lane Api::LaneOf(const HttpRequest& request) const {
  const auto url = ParseTarget(request.target);
  if (!url) return Lane::kAtOnce;
  const FoundRoute found = FindRoute(*url, request.method);
  return found.info != nullptr ? found.info->lane : Lane::kAtOnce;
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
          .bytes = status_source_.bytes(),
          .memory = status_source_.memory()};
}

HttpResponse Api::MetricsAnswer() const {
  const serving::ServiceStatus status = service_.status();
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8",
          .body = metrics_.Render(status, {.connections = connections_,
                                           .body_bytes = bodies_.used(),
                                           .answer_bytes = answers_.used()}) +
                  BundleMetrics(serving::FiguresOf(*service_.generation())) +
                  AttributionMetrics(service_.attribution(), status.slates) +
                  (access_.observers != nullptr ? access_.observers->Metrics() : "") +
                  StepMetrics(status_source_.steps()) + MemoryMetrics(status_source_.memory())};
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

Result<HttpResponse> Api::Events(const HttpRequest& request, const Caller& caller) {
  if (std::optional<HttpResponse> refused = WrongBody(request, /*may_be_lines=*/true)) {
    return *std::move(refused);
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto generation = service_.generation();
  Result<EventBatch> batch;
  {
    Unpacked unpacked;
    const Result<HttpRequest> plain = Plain(request, &unpacked);
    if (!plain) return RefuseBody(plain.error());
    batch = ParseEvents(generation->schema(), plain->body, FormatOf(request.content_type));
  }
  if (!batch) return std::unexpected(std::move(batch).error());
  UPNEXT_ASSIGN_OR_RETURN(const serving::Posted posted,
                          service_.PostEvents(std::move(batch->events), batch->ids, caller.quota));
  const std::chrono::duration<double> visible = std::chrono::steady_clock::now() - begin;
  metrics_.feeds().ObserveVisible(visible.count());
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
  return WithBody(request, answer, /*may_be_lines=*/many);
}

Result<HttpResponse> Api::WithBody(
    const HttpRequest& request,
    const std::function<Result<HttpResponse>(const HttpRequest&)>& answer, bool may_be_lines) {
  const bool has_body =
      request.method == "PUT" || request.method == "PATCH" || request.method == "POST";
  if (!has_body) return answer(request);
  if (std::optional<HttpResponse> refused = WrongBody(request, may_be_lines)) {
    return *std::move(refused);
  }
  Unpacked unpacked;
  const Result<HttpRequest> plain = Plain(request, &unpacked);
  if (!plain) return RefuseBody(plain.error());
  return answer(*plain);
}

std::optional<HttpResponse> Api::ChargeFor(const Caller& caller, uint32_t cost) {
  const auto refused = guard_.Charge(caller, cost, base::SystemClock().NowMs());
  if (!refused) return std::nullopt;
  metrics_.Refused(refused->why);
  return RefusalOf(*refused);
}

Result<HttpResponse> Api::Answer(const HttpRequest& request, const RouteInfo** line,
                                 std::string* who) {
  if (!request.host.empty() && !IsOwnHost(request.host, hosts_)) {
    metrics_.Refused(Refusal::kHost);
    return ProblemOf(421,
                     fmt::format("Host '{}': expected an IP address, localhost, or a name that "
                                 "[server] hosts in the project file lists",
                                 request.host));
  }
  UPNEXT_ASSIGN_OR_RETURN(const urls::url_view url, ParseTarget(request.target));
  const FoundRoute found = FindRoute(url, request.method);
  if (found.other == nullptr) {
    return NotFound("there is no resource {}; /openapi.json lists them",
                    request.target.substr(0, request.target.find('?')));
  }
  *line = found.other;
  if (request.method == "OPTIONS" && pages_.enabled() && found.other->for_pages) {
    if (pages_.Allows(request.origin)) return pages_.Preflight(found.allow);
    return ProblemOf(403, fmt::format("Origin '{}': expected one that [server] allow_origins in "
                                      "the project file lists",
                                      request.origin));
  }
  if (found.info == nullptr) {
    HttpResponse refused =
        ProblemOf(405, fmt::format("expected {}, found {}", found.allow, request.method));
    refused.allow = found.allow;
    return refused;
  }
  *line = found.info;
  const auto caller = guard_.Admit(request, *found.info, base::SystemClock().NowMs());
  if (!caller) {
    metrics_.Refused(caller.error().why);
    return RefusalOf(caller.error());
  }
  *who = caller->key;
  switch (found.info->route) {
    case Route::kRecommendations:
      return WithBody(request, [&](const HttpRequest& asked) {
        return AnswerRecommendations(service_, asked, url, *caller,
                                     [&](uint32_t cost) { return ChargeFor(*caller, cost); });
      });
    case Route::kEvents:
      return Events(request, *caller);
    case Route::kItem:
    case Route::kUser:
    case Route::kItems:
    case Route::kUsers: {
      HttpRequest asked = request;
      asked.client = caller->quota;  // whose quota of new names is used
      return Entities(asked, found.info->route, found.id, url);
    }
    case Route::kHistory:
      return AnswerHistory(service_, found.id, url);
    case Route::kServed:
      return AnswerServed(service_, found.id, url);
    case Route::kMerge:
      return WithBody(request, [&](const HttpRequest& asked) {
        return AnswerMerge(service_, found.id, asked, url);
      });
    case Route::kSimilar:
      return AnswerSimilar(service_, url, found.id, *caller);
    case Route::kHealth:
      return JsonOf({{"status", "ok"}});
    case Route::kReady:
      if (stopping_) return ProblemOf(503, "the server is stopping");
      return Ready(service_);
    case Route::kMetrics:
      return MetricsAnswer();
    case Route::kStatus:
      return HttpResponse{.body = StatusJson(Site())};
    case Route::kStatusPage:
      return HttpResponse{.content_type = "text/html; charset=utf-8", .body = StatusPage(Site())};
    case Route::kOpenApi:
      return HttpResponse{.body = Description()};
    case Route::kLlms:
      return AnswerGuideIndex();
    case Route::kGuide:
      return AnswerGuide(found.id);
    case Route::kConfig:
    case Route::kBundles:
    case Route::kReload:
    case Route::kRollback:
    case Route::kBackup:
      return AnswerOperator(operations_, backups_, service_, found.info->route, request);
    case Route::kOther:
      break;
  }
  return Internal("a route without an answer");
}

HttpResponse Api::Handle(const HttpRequest& request) {
  const auto begin = std::chrono::steady_clock::now();
  const RouteInfo* line = nullptr;
  std::string who;
  Result<HttpResponse> answer = [&]() -> Result<HttpResponse> {
    try {
      Result<HttpResponse> made = Answer(request, &line, &who);
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
  if (line != nullptr && line->for_pages) pages_.Mark(request, &response);
  if (line != nullptr && line->access == Access::kAdmin && access_.audit) {
    access_.audit(AuditLine(request, who, response.status));
  }
  Note(request, response, line, std::move(who), std::chrono::steady_clock::now() - begin);
  return response;
}

void Api::Note(const HttpRequest& request, const HttpResponse& response, const RouteInfo* line,
               std::string who, std::chrono::steady_clock::duration elapsed) {
  const Route route = line != nullptr ? line->route : Route::kOther;
  const std::chrono::duration<double> seconds = elapsed;
  metrics_.Observe(route, response.status, seconds.count());
  for (const FeedReport& feed : response.feeds) metrics_.feeds().Observe(feed);
  if (access_.observers == nullptr) return;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  access_.observers->Note(
      {.begin_us = std::chrono::duration_cast<std::chrono::microseconds>(now - elapsed).count(),
       .ms = seconds.count() * 1e3,
       .route = NameOf(route),
       .method = line != nullptr ? std::string(request.method)
                                 : "other",  // any bytes, if it is none of ours
       .status = response.status,
       .key = std::move(who),
       .trace = TraceOf(request.traceparent),
       .feeds = response.feeds});
}

}  // namespace upnext::net
