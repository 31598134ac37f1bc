// The request log and traces, from requests to files and to a collector.
#include "net/observers.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "base/file.h"
#include "base/test_folder.h"
#include "net/test_api.h"
#include "serving/test_service.h"

namespace upnext::net {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

// A collector that takes every body with the status it is given.
class Collector {
 public:
  explicit Collector(int status) : status_(status), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in place = {};
    place.sin_family = AF_INET;
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(place);
    auto* const address = reinterpret_cast<sockaddr*>(&place);
    EXPECT_EQ(bind(listener_, address, size), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    EXPECT_EQ(getsockname(listener_, address, &size), 0);
    url_ = fmt::format("http://127.0.0.1:{}", ntohs(place.sin_port));
    thread_ = std::thread([this] { Serve(); });
  }
  ~Collector() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  const std::string& url() const { return url_; }
  std::vector<std::string> Requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void Serve() {
    for (int client; (client = accept(listener_, nullptr, nullptr)) >= 0; close(client)) {
      std::string got;
      char buffer[4096];
      for (ssize_t n; (n = recv(client, buffer, sizeof(buffer), 0)) > 0;) {
        got.append(buffer, static_cast<size_t>(n));
        const size_t head = got.find("\r\n\r\n"), length = got.find("Content-Length: ");
        if (head == std::string::npos || length == std::string::npos) continue;
        if (got.size() < head + 4 + std::stoul(got.substr(length + 16))) continue;
        {
          const std::lock_guard lock(mutex_);
          requests_.push_back(got);
        }
        const std::string answer = fmt::format(
            "HTTP/1.1 {} x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}", status_);
        send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
        break;
      }
    }
  }
  const int status_, listener_;
  std::string url_;
  std::thread thread_;
  std::mutex mutex_;
  std::vector<std::string> requests_;
};

class ObserversTest : public testing::Test {
 protected:
  void Start(const ServerOptions& options) {
    auto observers = Observers::Open(options);
    ASSERT_TRUE(observers) << observers.error().message;
    api_ = std::make_unique<Api>(*service_, options, ApiAccess{.observers = *observers});
  }
  HttpResponse Get(const std::string& target, std::string_view traceparent = "") {
    return api_->Handle({.method = "GET",
                         .target = target,
                         .content_type = "",
                         .body = "",
                         .traceparent = traceparent});
  }
  std::vector<json> Lines(const std::filesystem::path& file) {
    std::vector<json> lines;
    std::istringstream in(*base::ReadFile(file));
    for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
    return lines;
  }
  const base::TestFolder folder_;
  serving::TestService service_;
  std::unique_ptr<Api> api_;
};

constexpr char kParent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST_F(ObserversTest, TheLogHasALineForEachRequestWithoutUsersOrKeys) {
  const auto file = folder_.path() / "requests.log";
  Start({.request_log = file.string()});
  const json slate =
      json::parse(Get("/v1/recommendations?user=u&n=3&exclude=secret", kParent).body);
  Get("/v1/recommendations?user=u&n=0");
  Get("/nowhere?user=u");
  const std::vector<json> lines = Lines(file);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0]["trace"], "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(lines[0]["route"], "recommendations");
  EXPECT_EQ(lines[0]["status"], 200);
  EXPECT_EQ(lines[0]["feeds"][0]["request"], slate["request"]);
  EXPECT_EQ(lines[0]["feeds"][0]["items"], 3);
  EXPECT_TRUE(lines[0]["feeds"][0]["stages"].contains("ranker"));
  EXPECT_EQ(lines[1]["status"], 400);
  EXPECT_EQ(lines[2]["route"], "other");
  EXPECT_NE(lines[1]["trace"], lines[2]["trace"]);
  const std::string text = *base::ReadFile(file);
  EXPECT_THAT(text, Not(HasSubstr("\"u\"")));
  EXPECT_THAT(text, Not(HasSubstr("secret")));
  EXPECT_THAT(Get("/metrics").body, HasSubstr("upnext_request_log_lost_total 0\n"));
}

TEST_F(ObserversTest, AFullLogBecomesTheOneBeforeAndALostLineIsCounted) {
  const auto file = folder_.path() / "requests.log";
  RequestLog log(file, 400);
  const RequestRecord record{
      .route = "health", .method = "GET", .status = 200, .trace = TraceOf("")};
  for (int i = 0; i < 20; ++i) log.Write(record);
  EXPECT_LE(std::filesystem::file_size(file), 400u);
  EXPECT_LE(std::filesystem::file_size(file.string() + ".1"), 400u);
  EXPECT_GE(Lines(file.string() + ".1").size(), 2u);
  std::filesystem::remove(file);  // moved away by somebody
  log.Write(record);
  EXPECT_EQ(Lines(file).size(), 1u);
  EXPECT_EQ(log.lost(), 0u);
  RequestLog nowhere(folder_.path() / "none" / "requests.log", 400);
  nowhere.Write(record);
  EXPECT_EQ(nowhere.lost(), 1u);
}

TEST_F(ObserversTest, TracesReachACollectorWithASpanForEachStage) {
  Collector collector(200);
  Start({.otlp = collector.url(), .otlp_share = 0});
  Get("/v1/recommendations?user=u&n=3", kParent);
  Get("/v1/recommendations?user=u&n=3");                                       // not drawn
  Get("/healthz", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00");  // not sampled
  api_.reset();                                                                // sends what waits
  const auto requests = collector.Requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_THAT(requests[0], HasSubstr("POST /v1/traces HTTP/1.1\r\n"));
  EXPECT_THAT(requests[0], HasSubstr("Content-Type: application/json\r\n"));
  const json body = json::parse(requests[0].substr(requests[0].find("\r\n\r\n") + 4));
  const json& resource = body["resourceSpans"][0];
  EXPECT_EQ(resource["resource"]["attributes"][0]["value"]["stringValue"], "upnext");
  const json& spans = resource["scopeSpans"][0]["spans"];
  EXPECT_EQ(spans[0]["name"], "GET recommendations");
  EXPECT_EQ(spans[0]["parentSpanId"], "b7ad6b7169203331");
  std::set<std::string> names, ids;
  for (const json& span : spans) {
    EXPECT_EQ(span["traceId"], "0af7651916cd43dd8448eb211c80319c");
    EXPECT_LE(std::stoull(span["startTimeUnixNano"].get<std::string>()),
              std::stoull(span["endTimeUnixNano"].get<std::string>()));
    names.insert(span["name"]);
    EXPECT_TRUE(ids.insert(span["spanId"]).second);
    if (&span != &spans[0]) {
      EXPECT_EQ(span["parentSpanId"], spans[0]["spanId"]);
    }
  }
  for (const char* stage : {"state", "generators", "ranker", "rules"}) {
    EXPECT_TRUE(names.contains(stage)) << stage;
  }
  EXPECT_THAT(requests[0], Not(HasSubstr("user=u")));
}

TEST_F(ObserversTest, WhatACollectorDoesNotTakeIsCountedAndDelaysNothing) {
  Collector collector(503);
  auto exporter = TraceExporter::Start(
      {.url = collector.url(), .share = 1, .most_waiting = 2, .delay_ms = 60'000});
  ASSERT_TRUE(exporter);
  RequestRecord record{.route = "health", .method = "GET", .status = 200};
  for (int i = 0; i < 5; ++i) {
    record.trace = TraceOf("");
    (*exporter)->Add(record);
  }
  EXPECT_EQ((*exporter)->dropped(), 3u) << "the queue is full";
  const auto refused = TraceExporter::Start({.url = "127.0.0.1:4318"});
  ASSERT_FALSE(refused);
  const auto named = Observers::Open({.otlp = "ftp://127.0.0.1"});
  ASSERT_FALSE(named);
  EXPECT_THAT(named.error().message, HasSubstr("[server] otlp"));
}

TEST(TraceOfARequest, ContinuesAWellFormedHeaderAlone) {
  const Trace caller = TraceOf(kParent);
  EXPECT_EQ(caller.id, "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(caller.parent, "b7ad6b7169203331");
  EXPECT_EQ(caller.sampled, true);
  EXPECT_EQ(TraceOf("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02").sampled, false);
  EXPECT_EQ(TraceOf("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more").sampled, true);
  for (const std::string_view header :
       {"", "00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more"}) {
    const Trace fresh = TraceOf(header);
    EXPECT_TRUE(fresh.parent.empty()) << header;
    EXPECT_FALSE(fresh.sampled) << header;
    EXPECT_EQ(fresh.id.size(), 32u);
    EXPECT_NE(fresh.id, TraceOf(header).id);
  }
}

}  // namespace
}  // namespace upnext::net
