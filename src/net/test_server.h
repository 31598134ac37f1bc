// A server over a test project, for tests of this room.
//
//   class MyTest : public ServerTest {};      Start({.timeout_s = 2});  TestClient client(port());
#ifndef UPNEXT_NET_TEST_SERVER_H_
#define UPNEXT_NET_TEST_SERVER_H_

#include <gtest/gtest.h>

#include <memory>

#include "net/http_server.h"
#include "net/test_client.h"
#include "serving/test_service.h"

namespace upnext::net {

class ServerTest : public testing::Test {
 protected:
  void Start(ServerOptions options = {}) {
    options.port = 0;
    options.threads = 2;
    server_.reset();
    api_ = std::make_unique<Api>(*service_, options);
    auto server = HttpServer::Start(options, *api_);
    ASSERT_TRUE(server) << server.error().message;
    server_ = *std::move(server);
  }
  uint16_t port() const { return server_->port(); }
  bool Healthy() const {
    TestClient client(port());
    return client.Ask(TestClient::Get("/healthz")).status == 200;
  }
  // The value of a line of /metrics.
  double Metric(std::string_view name) {
    const std::string text =
        api_->Handle({.method = "GET", .target = "/metrics", .content_type = "", .body = ""}).body;
    const size_t at = text.find(fmt::format("\n{} ", name));
    return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
  }

  static constexpr char kEvent[] = R"({"events": [{"user": "u", "item": "i3", "type": "click"}]})";

  serving::TestService service_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<HttpServer> server_;
};

// Begins a request so that the server has read its head for sure, and waits for its body.
inline void Begin(TestClient* client, std::string_view method, std::string_view target,
                  size_t body) {
  const TestClient::Answer go_on = client->Ask(
      fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                  "Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
                  method, target, body));
  ASSERT_EQ(go_on.status, 100);
}

}  // namespace upnext::net

#endif  // UPNEXT_NET_TEST_SERVER_H_
