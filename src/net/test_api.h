// The API over a test project, without sockets.
//
//   TEST_F(ApiTest, ...) { const json slate = GetJson("/v1/recommendations?user=u"); }
#ifndef UPNEXT_NET_TEST_API_H_
#define UPNEXT_NET_TEST_API_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "net/api.h"
#include "serving/test_service.h"

namespace upnext::net {

class ApiTest : public testing::Test {
 protected:
  HttpResponse Get(const std::string& target) {
    return api_.Handle({.method = "GET", .target = target, .content_type = "", .body = ""});
  }
  HttpResponse Post(const std::string& target, const std::string& body,
                    const std::string& type = "application/json") {
    return api_.Handle({.method = "POST", .target = target, .content_type = type, .body = body});
  }
  HttpResponse Delete(const std::string& target) {
    return api_.Handle({.method = "DELETE", .target = target, .content_type = "", .body = ""});
  }
  nlohmann::json GetJson(const std::string& target) {
    const HttpResponse answer = Get(target);
    EXPECT_EQ(answer.status, 200u) << answer.body;
    EXPECT_EQ(answer.content_type, "application/json");
    return nlohmann::json::parse(answer.body);
  }
  // The detail of an answer that must be problem details with this status.
  static std::string Detail(const HttpResponse& answer, unsigned status) {
    EXPECT_EQ(answer.status, status) << answer.body;
    EXPECT_EQ(answer.content_type, "application/problem+json");
    const nlohmann::json body = nlohmann::json::parse(answer.body);
    EXPECT_EQ(body["status"], status);
    EXPECT_EQ(body["type"], "about:blank");
    EXPECT_FALSE(body["title"].get<std::string>().empty());
    return body["detail"];
  }
  static nlohmann::json Taken(int accepted, int duplicates) {
    return {{"accepted", accepted},
            {"duplicates", duplicates},
            {"bundle_version", "v000001"},
            {"log_version", "v000001"}};
  }
  std::vector<std::string> ItemsOf(const nlohmann::json& slate) {
    std::vector<std::string> ids;
    for (const nlohmann::json& item : slate["items"]) ids.push_back(item["item"]);
    return ids;
  }

  serving::TestService service_;
  Api api_{*service_};
};

}  // namespace upnext::net

#endif  // UPNEXT_NET_TEST_API_H_
