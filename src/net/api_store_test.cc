// What clients and operators see while the store cannot be written, and afterwards.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "net/api.h"
#include "serving/test_service.h"
#include "store/test_limits.h"

namespace upnext::net {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class ApiStoreTest : public testing::Test {
 protected:
  HttpResponse Get(std::string_view target) {
    return api_.Handle({.method = "GET", .target = target, .content_type = "", .body = ""});
  }
  HttpResponse Post(int number, size_t bytes = 400) {
    const json event = {{"user", "u"},
                        {"item", "i3"},
                        {"type", "click"},
                        {"id", std::to_string(number)},
                        {"request", std::string(bytes, 'r')}};
    const std::string body = json{{"events", json::array({event})}}.dump();
    return api_.Handle({.method = "POST",
                        .target = "/v1/events",
                        .content_type = "application/json",
                        .body = body});
  }

  serving::TestService service_;
  Api api_{*service_};
};

TEST_F(ApiStoreTest, AFullDiskIsReportedAndEventsAreTakenAgainWhenThereIsRoom) {
  ASSERT_EQ(Post(0).status, 200u);
  EXPECT_EQ(json::parse(Get("/readyz").body)["status"], "ready");
  EXPECT_THAT(Get("/metrics").body, HasSubstr("\nupnext_store_writable 1\n"));
  EXPECT_THAT(Get("/metrics").body, HasSubstr("\nupnext_store_write_failures_total 0\n"));
  HttpResponse answer;
  {
    const store::LoweredLimit limit(RLIMIT_FSIZE, 64 << 10);
    for (int number = 1; number < 1000; ++number) {
      answer = Post(number);
      if (answer.status != 200) break;
    }
    EXPECT_EQ(answer.status, 507u) << answer.body;
    EXPECT_EQ(answer.retry_after_s, 10);
    const HttpResponse ready = Get("/readyz");
    EXPECT_EQ(ready.status, 200u) << "feeds work";
    EXPECT_THAT(json::parse(ready.body)["status"], HasSubstr("events are refused"));
    EXPECT_THAT(json::parse(ready.body)["reason"], HasSubstr("File too large"));
    EXPECT_THAT(Get("/metrics").body, HasSubstr("\nupnext_store_writable 0\n"));
    EXPECT_THAT(Get("/metrics").body, Not(HasSubstr("upnext_store_write_failures_total 0\n")));
    EXPECT_EQ(Get("/v1/recommendations?user=u&n=3").status, 200u);
  }
  for (int i = 0; i < 1500 && answer.status != 200; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    answer = Post(5000, 10);
  }
  EXPECT_EQ(answer.status, 200u) << answer.body;
  const json ready = json::parse(Get("/readyz").body);
  EXPECT_EQ(ready["status"], "ready");
  EXPECT_FALSE(ready.contains("reason"));
  EXPECT_THAT(Get("/metrics").body, HasSubstr("\nupnext_store_writable 1\n"));
}

}  // namespace
}  // namespace upnext::net
