#include "net/api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/rng.h"
#include "base/time_text.h"
#include "net/gzip.h"
#include "net/openapi.h"
#include "net/test_api.h"
#include "schema/event.h"

namespace upnext::net {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;

TEST_F(ApiTest, RecommendationsHoldItemsWithReasons) {
  const json slate = GetJson("/v1/recommendations?user=u&n=5");
  EXPECT_EQ(slate["user"], "u");
  EXPECT_EQ(slate["bundle_version"], "v000001");
  EXPECT_EQ(slate["log_version"], "v000001");
  EXPECT_EQ(slate["request"].get<std::string>().size(), 16u);
  ASSERT_EQ(slate["items"].size(), 5u);
  EXPECT_TRUE(slate["notes"].empty());
  EXPECT_FALSE(slate.contains("counts"));
  for (const json& item : slate["items"]) {
    EXPECT_TRUE(item["score"].is_number());
    EXPECT_THAT(item["title"].get<std::string>(), testing::StartsWith("Title of"));
    EXPECT_FALSE(item["reason"].get<std::string>().empty());
    EXPECT_FALSE(item.contains("sources"));
  }
  EXPECT_EQ(GetJson("/v1/recommendations?user=u")["items"].size(), 20u);
}

TEST_F(ApiTest, SY02_ExplainAddsSourcesPredictionsAndCounts) {
  const json slate = GetJson("/v1/recommendations?user=u&n=3&explain=1");
  for (const json& item : slate["items"]) {
    EXPECT_TRUE(item["sources"][0]["source"].is_string());
    EXPECT_TRUE(item["sources"][0]["score"].is_number());
    EXPECT_TRUE(item["predictions"]["watch"].is_number());
    EXPECT_TRUE(item["predictions"]["click"].is_number());
  }
  const json& counts = slate["counts"];
  EXPECT_EQ(counts["catalogue"], 40);
  EXPECT_EQ(counts["shown"], 3);
  EXPECT_EQ(counts["after_filters"].get<int>(),
            counts["distinct"].get<int>() - counts["filtered_seen"].get<int>() -
                counts["filtered_removed"].get<int>() - counts["filtered_excluded"].get<int>());
  EXPECT_GE(slate["milliseconds"]["ranking"].get<double>(), 0);
  EXPECT_FALSE(GetJson("/v1/recommendations?user=u&explain=false").contains("counts"));
}

TEST_F(ApiTest, ParametersAreDecoded) {
  EXPECT_EQ(GetJson("/v1/recommendations?user=J%C3%BCrgen%20A%26B%3D")["user"], "Jürgen A&B=");
  EXPECT_EQ(GetJson("/v1/recommendations?user=a%2Bb")["user"], "a+b");
  EXPECT_EQ(GetJson("/v1/recommendations?&user=a+b&&")["user"], "a b");  // as forms send it
  const json slate =
      GetJson("/v1/recommendations?user=nobody&device=tv&region=DE&current_item=i3&n=40");
  EXPECT_THAT(ItemsOf(slate), testing::Not(testing::Contains("i3")));
  EXPECT_THAT(slate["notes"][0].get<std::string>(), HasSubstr("unknown user"));
  EXPECT_EQ(GetJson("/v1/recommendations?user=nobody&device=tv&region=DE&seed=i3&n=40")["items"],
            slate["items"])
      << "the old name of current_item";
  const json unseen = GetJson("/v1/recommendations?user=u&device=toaster&region=X&current_item=Y");
  EXPECT_EQ(unseen["notes"].size(), 3u);
}

TEST_F(ApiTest, CG22_RegionChangesTheListOfAnUnknownUser) {
  EXPECT_NE(ItemsOf(GetJson("/v1/recommendations?user=nobody&region=DE")),
            ItemsOf(GetJson("/v1/recommendations?user=nobody&region=US")));
}

TEST_F(ApiTest, WrongParametersSayWhatWasExpected) {
  const auto detail = [&](const std::string& query) {
    return Detail(Get("/v1/recommendations?" + query), 400);
  };
  EXPECT_THAT(detail(""), HasSubstr("parameter user: expected a user id"));
  EXPECT_THAT(detail("user="), HasSubstr("parameter user: expected a user id"));
  EXPECT_THAT(detail("usr=u"), HasSubstr("there is no parameter 'usr'; did you mean 'user'"));
  EXPECT_THAT(detail("user=u&regoin=DE"), HasSubstr("did you mean 'region'"));
  EXPECT_THAT(detail("user=u&qqqqqqqq=1"), HasSubstr("there is no parameter 'qqqqqqqq'"));
  EXPECT_THAT(detail("user=u&user=v"), HasSubstr("user is given twice"));
  for (const char* n : {"0", "1001", "-1", "2.5", "ten", "5x", "99999999999999999999", "%20 5"}) {
    EXPECT_THAT(detail(fmt::format("user=u&n={}", n)), testing::Not(testing::IsEmpty())) << n;
  }
  EXPECT_THAT(detail("user=u&n=1001"), HasSubstr("a whole number from 1 to 1000, found '1001'"));
  EXPECT_THAT(detail("user=u&explain="), HasSubstr("explain: expected 0 or 1, found ''"));
  EXPECT_THAT(detail("user=u&offset="), HasSubstr("offset: expected a whole number from 0"));
  EXPECT_THAT(detail("user=u&score="), HasSubstr("score: expected NAME:EXPONENT"));
  EXPECT_THAT(detail("user=u&explain=yes"), HasSubstr("explain: expected 0 or 1, found 'yes'"));
  EXPECT_THAT(detail("user=" + std::string(513, 'x')), HasSubstr("at most 512 bytes, found 513"));
  EXPECT_THAT(detail("user=%00"), HasSubstr("%00 at byte 26, which is in no id"));
  EXPECT_THAT(detail("user=u&region=%ff"), HasSubstr("bytes that are not UTF-8"));
  EXPECT_THAT(detail("user=%C3&n=%BC"), HasSubstr("bytes that are not UTF-8"));
  EXPECT_THAT(detail("user=u%0A"), HasSubstr("user: expected an id without control characters"));
  EXPECT_THAT(detail("user=u&seed=i1&current_item=i1"),
              HasSubstr("seed is another name of current_item"));
  EXPECT_THAT(Detail(Get("/v1/items/%ff"), 400), HasSubstr("bytes that are not UTF-8"));
  EXPECT_THAT(Detail(Delete("/v1/users/u%00"), 400), HasSubstr("%00 at byte 12"));
  EXPECT_EQ(GetJson("/v1/recommendations?n=1000&user=" + std::string(512, 'x'))["items"].size(),
            39u);
}

TEST_F(ApiTest, SV04_PostedEventsChangeTheNextList) {
  const std::string list = "/v1/recommendations?user=u&n=10";
  const std::vector<std::string> before = ItemsOf(GetJson(list));
  const HttpResponse taken = Post(
      "/v1/events",
      fmt::format(R"({{"events": [{{"user": "u", "item": "{}", "type": "watch", "value": 99}}]}})",
                  before[0]));
  ASSERT_EQ(taken.status, 200u) << taken.body;
  EXPECT_EQ(json::parse(taken.body), Taken(1, 0));
  EXPECT_THAT(ItemsOf(GetJson(list)), testing::Not(testing::Contains(before[0])));
}

TEST_F(ApiTest, RepeatedEventIdsAreDuplicates) {
  const std::string body =
      R"({"events": [{"user": "u", "item": "i3", "type": "click", "id": "e1"},
                     {"user": "u", "item": "i3", "type": "click", "id": "e1"},
                     {"user": "v", "item": "i3", "type": "click", "id": "e1"}]})";
  EXPECT_EQ(json::parse(Post("/v1/events", body).body), Taken(2, 1));
  EXPECT_EQ(json::parse(Post("/v1/events", body).body), Taken(0, 3));
  EXPECT_EQ(service_->State("v")->totals().events, 1u);
}

TEST_F(ApiTest, OneWrongEventKeepsTheWholeBatchOut) {
  const std::string good = R"({"user": "w", "item": "i3", "type": "click"})";
  EXPECT_THAT(Detail(Post("/v1/events", R"({"events": [)" + good + R"(, {"user": "w"}]})"), 400),
              HasSubstr("events[1]: expected a type"));
  EXPECT_EQ(service_->State("w")->totals().events, 0u);
  EXPECT_THAT(Detail(Post("/v1/events", "{"), 400), HasSubstr("not JSON"));
}

TEST_F(ApiTest, EventsMustBeJson) {
  const std::string body = R"({"events": []})";
  EXPECT_THAT(Detail(Post("/v1/events", body, ""), 415), HasSubstr("found none"));
  for (const char* type :
       {"text/plain", "application/x-www-form-urlencoded", "application/jsonx"}) {
    EXPECT_THAT(Detail(Post("/v1/events", body, type), 415), HasSubstr(type));
  }
  EXPECT_THAT(Detail(Post("/v1/events", body, "application/json; charset=utf-16"), 415),
              HasSubstr("expected a body in UTF-8, found charset 'utf-16'"));
  EXPECT_THAT(Detail(Post("/v1/events", R"({"events": [{"user": "u", "item": "i3", "type": "click",
                                          "seed": "i1", "current_item": "i1"}]})"),
                     400),
              HasSubstr("current_item"));
  for (const char* type : {"application/json", "application/json; charset=utf-8",
                           "Application/JSON ; charset=utf-8"}) {
    EXPECT_EQ(Post("/v1/events", body, type).status, 200u) << type;
  }
}

TEST_F(ApiTest, BodiesMayBeGzipAndNothingElse) {
  const std::string body = R"({"events": [{"user": "u", "item": "i3", "type": "click"}]})";
  const auto post = [&](Api& api, const std::string& bytes, std::string_view encoding) {
    return api.Handle({.method = "POST",
                       .target = "/v1/events",
                       .content_type = "application/json",
                       .body = bytes,
                       .content_encoding = encoding});
  };
  for (const char* encoding : {"gzip", "x-gzip", "GZIP"}) {
    EXPECT_EQ(json::parse(post(api_, Gzip(body), encoding).body), Taken(1, 0)) << encoding;
  }
  EXPECT_EQ(post(api_, body, "identity").status, 200u);
  for (const char* encoding : {"br", "deflate", "zstd", "gzip, gzip"}) {
    const HttpResponse answer = post(api_, body, encoding);
    EXPECT_THAT(Detail(answer, 415), HasSubstr(encoding));
    EXPECT_TRUE(answer.takes_gzip);
  }
  EXPECT_THAT(Detail(post(api_, body, "gzip"), 400), HasSubstr("the body is not gzip"));
  ServerOptions options;
  options.max_body_bytes = 5'000;
  Api small(*service_, options);
  EXPECT_THAT(Detail(post(small, Gzip(std::string(5'001, ' ')), "gzip"), 413),
              HasSubstr("at most 5000 bytes when expanded"));
  EXPECT_EQ(post(small, Gzip(body + std::string(4'000, ' ')), "gzip").status, 200u);
}

TEST_F(ApiTest, LongAnswersAreGzipForThoseWhoTakeIt) {
  const auto get = [&](std::string_view target, std::string_view accept) {
    return api_.Handle({.method = "GET",
                        .target = target,
                        .content_type = "",
                        .body = "",
                        .accept_encoding = accept});
  };
  const HttpResponse plain = get("/v1/recommendations?user=u&n=30", "br");
  EXPECT_FALSE(plain.gzipped);
  const HttpResponse gzipped = get("/v1/recommendations?user=u&n=30", "br, gzip");
  ASSERT_TRUE(gzipped.gzipped);
  EXPECT_LT(gzipped.body.size(), plain.body.size() / 2);
  const auto text = Gunzip(gzipped.body, 1 << 20);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(json::parse(*text)["items"], json::parse(plain.body)["items"]);
  EXPECT_FALSE(get("/healthz", "gzip").gzipped) << "too short to be worth it";
}

TEST_F(ApiTest, PagesFollowByOffsetOrByExclusion) {
  const std::vector<std::string> all = ItemsOf(GetJson("/v1/recommendations?user=u&n=12"));
  const std::vector<std::string> second(all.begin() + 5, all.begin() + 10);
  const json page = GetJson("/v1/recommendations?user=u&n=5&offset=5&explain=1");
  EXPECT_EQ(ItemsOf(page), second);
  EXPECT_EQ(page["counts"]["shown"], 5);
  std::string excluding = "/v1/recommendations?user=u&n=5";
  for (int i = 0; i < 5; ++i) excluding += "&exclude=" + all[static_cast<size_t>(i)];
  const std::vector<std::string> others = ItemsOf(GetJson(excluding));
  EXPECT_EQ(others.size(), 5u);
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(others, testing::Not(testing::Contains(all[static_cast<size_t>(i)])));
  }
  EXPECT_TRUE(ItemsOf(GetJson("/v1/recommendations?user=u&n=5&offset=900")).empty());
  EXPECT_EQ(ItemsOf(GetJson("/v1/recommendations?user=u&n=12&offset=0&exclude=nothing")), all);
  EXPECT_THAT(Detail(Get("/v1/recommendations?user=u&n=500&offset=501"), 400),
              HasSubstr("n and offset: expected at most 1000 in all, found 1001"));
  EXPECT_THAT(Detail(Get("/v1/recommendations?user=u&offset=-1"), 400),
              HasSubstr("from 0 to 999, found '-1'"));
}

TEST_F(ApiTest, UnknownResourcesAndWrongMethods) {
  for (const char* target : {"/", "/v1", "/v1/recommendations/", "/v2/events", "/v1/item",
                             "/v1/items/i2/similar/x", "/healthz/x", "//healthz"}) {
    EXPECT_THAT(Detail(Get(target), 404), HasSubstr("there is no resource")) << target;
  }
  const HttpResponse get_events = Get("/v1/events");
  EXPECT_THAT(Detail(get_events, 405), HasSubstr("expected POST, found GET"));
  EXPECT_EQ(get_events.allow, "POST");
  const HttpResponse post_list = Post("/v1/items/i2/similar", "{}");
  Detail(post_list, 405);
  EXPECT_EQ(post_list.allow, "GET, HEAD");
  const auto with = [&](std::string_view method, std::string_view target) {
    return api_.Handle({.method = method, .target = target, .content_type = "", .body = ""});
  };
  EXPECT_EQ(with("HEAD", "/healthz").status, 200u);
  EXPECT_EQ(with("HEAD", "/v1/events").status, 405u);
  EXPECT_EQ(with("DELETE", "/healthz").status, 405u);
  for (const char* target : {"", "*", "nonsense", "/a b", "/%zz", "/v1/recommendations?user=%4"}) {
    EXPECT_EQ(with("GET", target).status, 400u) << target;
  }
}

TEST_F(ApiTest, HealthAndReadiness) {
  EXPECT_EQ(GetJson("/healthz"), json({{"status", "ok"}}));
  const json ready = {{"status", "ready"},
                      {"bundle_version", "v000001"},
                      {"log_version", "v000001"},
                      {"since", base::FormatTime(service_->status().take_ups.since_ms)},
                      {"take_ups", 0},
                      {"failed_take_ups", 0}};
  EXPECT_EQ(GetJson("/readyz"), ready);
  service_->ReportFailure("it is damaged");
  EXPECT_EQ(Get("/readyz").status, 200u);
  EXPECT_EQ(GetJson("/readyz")["not_taken_up"], "it is damaged");
  EXPECT_THAT(Get("/metrics").body, HasSubstr("upnext_take_up_failing 1\n"));
  service_->ReportUpToDate("a note");
  EXPECT_EQ(GetJson("/readyz")["note"], "a note");
  EXPECT_FALSE(GetJson("/readyz").contains("not_taken_up"));
  api_.SetStopping();
  EXPECT_THAT(Detail(Get("/readyz"), 503), HasSubstr("stopping"));
  EXPECT_EQ(Get("/healthz").status, 200u);
  EXPECT_EQ(Get("/v1/recommendations?user=u").status, 200u);
}

TEST_F(ApiTest, RequestsThatWaitForADiskHaveALaneOfTheirOwn) {
  const auto lane = [&](std::string_view target, std::string_view method = "GET") {
    return api_.LaneOf({.method = method, .target = target, .content_type = "", .body = ""});
  };
  EXPECT_EQ(lane("/v1/events", "POST"), Lane::kWrite);
  EXPECT_EQ(lane("/v1/users/u", "DELETE"), Lane::kAdmin);
  EXPECT_EQ(lane("/v1/items?filter=true", "DELETE"), Lane::kAdmin);
  EXPECT_EQ(lane("/v1/backup", "POST"), Lane::kAdmin);
  EXPECT_EQ(lane("/v1/recommendations?user=u"), Lane::kRead);
  EXPECT_EQ(lane("/v1/items/i2/similar"), Lane::kRead);
  for (const char* target : {"/healthz", "/readyz", "/metrics", "/openapi.json", "/nothing", "*"}) {
    EXPECT_EQ(lane(target), Lane::kAtOnce) << target;
  }
}

TEST_F(ApiTest, UnavailableStoreIsA503ThatSaysWhenToTryAgain) {
  service_.store()->before_commit = []() -> Status { return Unavailable("the disk is gone"); };
  const HttpResponse answer =
      Post("/v1/events", R"({"events": [{"user": "u", "item": "i3", "type": "click"}]})");
  EXPECT_THAT(Detail(answer, 503), HasSubstr("the disk is gone"));
  EXPECT_EQ(answer.retry_after_s, 1);
  EXPECT_EQ(Get("/nothing").retry_after_s, 0);
}

TEST_F(ApiTest, MetricsCountRequestsEventsAndTime) {
  Get("/v1/recommendations?user=u");
  Get("/v1/recommendations?user=v");
  Get("/v1/recommendations");
  Get("/nothing");
  api_.Refuse(Refusal::kBody, 413, "too large");
  const std::string event = R"({"user": "u", "item": "i3", "type": "click", "id": "x"})";
  Post("/v1/events", R"({"events": [)" + event + ", " + event + "]}");
  const HttpResponse answer = Get("/metrics");
  EXPECT_EQ(answer.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(
      answer.body,
      AllOf(HasSubstr("upnext_http_requests_total{route=\"recommendations\",status=\"2xx\"} 2\n"),
            HasSubstr("upnext_http_requests_total{route=\"recommendations\",status=\"4xx\"} 1\n"),
            HasSubstr("upnext_http_requests_total{route=\"other\",status=\"4xx\"} 2\n"),
            HasSubstr("upnext_http_request_seconds_count{route=\"recommendations\"} 3\n"),
            HasSubstr("upnext_http_request_seconds_bucket{route=\"events\",le=\"+Inf\"} 1\n"),
            HasSubstr("upnext_http_refused_total{reason=\"body\"} 1\n"),
            HasSubstr("upnext_http_refused_total{reason=\"host\"} 0\n"),
            HasSubstr("upnext_http_connections 0\n"), HasSubstr("upnext_http_body_bytes 0\n"),
            HasSubstr("upnext_events_applied_total 1\n"),
            HasSubstr("upnext_events_duplicate_total 1\n"),
            HasSubstr("upnext_catalogue_items 40\n"),
            HasSubstr("upnext_bundle_info{version=\"v000001\",log=\"v000001\"} 1\n")));
}

TEST_F(ApiTest, MetricsAreWellFormed) {
  Get("/v1/recommendations?user=u");
  constexpr const char* kSample =
      R"rx([a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.e+-]+)rx";
  constexpr const char* kComment =
      R"rx(# (HELP [a-z_]+ .+|TYPE [a-z_]+ (counter|gauge|histogram)))rx";
  std::istringstream lines(Get("/metrics").body);
  uint64_t last = 0;
  size_t buckets = 0;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_THAT(line, MatchesRegex(line.starts_with('#') ? kComment : kSample));
    if (!line.starts_with("upnext_http_request_seconds_bucket{route=\"recommendations\"")) continue;
    const uint64_t count = std::stoull(line.substr(line.rfind(' ')));
    EXPECT_GE(count, last) << "buckets are cumulative";
    last = count;
    ++buckets;
  }
  EXPECT_EQ(buckets, 15u);
  EXPECT_EQ(last, 1u);
}

TEST_F(ApiTest, OpenApiDescribesExactlyWhatIsAnswered) {
  const json described = GetJson("/openapi.json");
  EXPECT_EQ(described["openapi"], "3.1.0");
  const std::set<std::string> operator_paths = {"/v1/config", "/v1/bundles", "/v1/reload",
                                                "/v1/rollback", "/v1/backup"};
  for (const auto& [path, operations] : described["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) {
      std::string target = path, verb = method;
      std::ranges::transform(verb, verb.begin(), [](char c) { return c - 'a' + 'A'; });
      if (path == "/v1/requests/{id}") {
        target =
            "/v1/requests/" + GetJson("/v1/recommendations?user=u")["request"].get<std::string>();
      }
      const std::string id = path.contains("users") ? "u" : "i";
      if (const size_t at = target.find("{id}"); at != target.npos) {
        target.replace(
            at, 4, path == "/guides/{id}" ? "events.md" : id + (method == "delete" ? "1" : "2"));
      }
      const bool is_feed = path == "/v1/recommendations";
      if (!path.contains("{id}") && (method == "patch" || method == "delete")) {
        target += path.contains("users") ? "?filter=user.age%3C0" : "?filter=item.duration%3C0";
      }
      if (is_feed && method == "get") target += "?user=u";
      const HttpResponse answer =
          api_.Handle({.method = verb,
                       .target = target,
                       .content_type = method == "get" ? "" : "application/json",
                       .body = path == "/v1/events"       ? R"({"events": []})"
                               : is_feed                  ? R"({"user": "u"})"
                               : path.ends_with("/merge") ? R"({"session": "s"})"
                               : method == "post"         ? "[]"
                               : method == "get"          ? ""
                                                          : "{}"});
      EXPECT_TRUE(operation["responses"].contains(std::to_string(answer.status)))
          << path << " answered " << answer.status;
      // What the process around the API does is in admin_test.cc.
      const bool of_operators = operator_paths.contains(path) && answer.status == 404u;
      EXPECT_TRUE(answer.status == 200u || of_operators) << path;
    }
  }
  // Its event schema names the types and the keys that are taken.
  const json& event = described["components"]["schemas"]["Event"]["properties"];
  EXPECT_EQ(event["type"]["enum"].size(), schema::Schema().event_types().size());
  for (const json& type : event["type"]["enum"]) {
    EXPECT_TRUE(schema::Schema().FindEventType(type.get<std::string>())) << type;
  }
  for (const auto& [key, schema] : event.items()) {
    const std::string body = fmt::format(
        R"({{"events": [{{"{}": null, "user": "u", "item": "i", "type": "click"}}]}})", key);
    const bool required = key == "user" || key == "item" || key == "type";
    EXPECT_TRUE(required || Post("/v1/events", body).status == 200) << key;
  }
}

TEST(ApiOfADeclaredSite, TakesItsTypesAndItsAttributesOfRequests) {
  const schema::Schema schema =
      schema::Schema::Parse(
          "schema.events.wish = 'positive'\nschema.requests.page = 'category'\n"
          "schema.requests.depth = 'number'\n")
          .value();
  serving::TestService service({.schema = schema});
  Api api(*service);
  const auto get = [&](const std::string& query) {
    return api.Handle({.method = "GET",
                       .target = "/v1/recommendations?user=u&" + query,
                       .content_type = "",
                       .body = ""});
  };
  EXPECT_EQ(get("page=home&depth=2.5").status, 200u);
  EXPECT_THAT(get("depth=deep").body, HasSubstr("parameter: depth: expected a finite number"));
  EXPECT_THAT(get("dept=2").body, HasSubstr("no parameter 'dept'; did you mean 'depth'"));
  const HttpResponse posted = api.Handle(
      {.method = "POST",
       .target = "/v1/events",
       .content_type = "application/json",
       .body = R"({"events": [{"user": "u", "item": "i1", "type": "wish", "page": "home"}]})"});
  EXPECT_EQ(posted.status, 200u) << posted.body;
  const json api_text = json::parse(
      api.Handle({.method = "GET", .target = "/openapi.json", .content_type = "", .body = ""})
          .body);
  EXPECT_TRUE(api_text["components"]["schemas"]["Event"]["properties"].contains("page"));
}

TEST_F(ApiTest, EveryAnswerIsJsonWhateverTheTarget) {
  base::Rng rng(11);
  const std::string alphabet = "/v1recommendations?user=&%ABn.items0~ \xc3\xff\"\\{}";
  for (int round = 0; round < 3'000; ++round) {
    std::string target = rng.Below(2) == 0 ? "/" : "/v1/recommendations?";
    for (uint64_t n = rng.Below(24); n > 0; --n) target += alphabet[rng.Below(alphabet.size())];
    const HttpResponse answer = Get(target);
    EXPECT_TRUE(json::accept(answer.body)) << target << ": " << answer.body;
    EXPECT_NE(answer.status, 500u) << target;
  }
}

}  // namespace
}  // namespace upnext::net
