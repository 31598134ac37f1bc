// Items and users over HTTP: set, changed, deleted, listed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "net/gzip.h"
#include "net/test_api.h"

namespace upnext::net {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class ApiEntitiesTest : public ApiTest {
 protected:
  HttpResponse Send(std::string_view method, const std::string& target, const std::string& body,
                    std::string_view type = "application/json") {
    return api_.Handle({.method = method, .target = target, .content_type = type, .body = body});
  }
  json Changed(const HttpResponse& answer) {
    EXPECT_EQ(answer.status, 200u) << answer.body;
    const json body = json::parse(answer.body);
    EXPECT_EQ(body["bundle_version"], "v000001");
    return body["changed"];
  }
  // The feed of a user who watched nothing has what is new.
  std::vector<std::string> NewItems() {
    return ItemsOf(GetJson("/v1/recommendations?user=nobody&n=100"));
  }
  HttpResponse Lines(const std::string& target) {
    return api_.Handle({.method = "GET",
                        .target = target,
                        .content_type = "",
                        .body = "",
                        .accept = "text/html,application/x-ndjson;q=0.9,"});
  }
};

TEST_F(ApiEntitiesTest, AnItemIsInTheNextAnswerOnceItIsPutAndInNoneOnceItIsDeleted) {
  EXPECT_THAT(NewItems(), Not(Contains("a/b")));
  EXPECT_EQ(Changed(Send("PUT", "/v1/items/a%2Fb",
                         R"({"created": 1700000000, "channel": "c1", "topics": ["t2", "new"],
                             "title": "Fresh"})")),
            1);
  const json item = GetJson("/v1/items/a%2Fb");
  EXPECT_EQ(item["item"], "a/b");
  EXPECT_EQ(item["attributes"], json::parse(R"({"created": 1700000000.0, "channel": "c1",
      "topics": ["t2", "new"], "title": "Fresh", "removed": false})"));
  EXPECT_THAT(NewItems(), Contains("a/b"));
  EXPECT_EQ(Changed(Delete("/v1/items/a%2Fb")), 1);
  EXPECT_THAT(NewItems(), Not(Contains("a/b")));
  EXPECT_THAT(Detail(Get("/v1/items/a%2Fb"), 404), HasSubstr("'a/b'"));
  EXPECT_THAT(Detail(Delete("/v1/items/a%2Fb"), 404), HasSubstr("'a/b'"));
  service_.Restart();
  Api again(*service_);
  EXPECT_EQ(
      again.Handle({.method = "GET", .target = "/v1/items/a%2Fb", .content_type = "", .body = ""})
          .status,
      404u);
}

TEST_F(ApiEntitiesTest, APatchChangesWhatItNames) {
  const json before = GetJson("/v1/items/i2")["attributes"];
  EXPECT_EQ(Changed(Send("PATCH", "/v1/items/i2", R"({"duration": 7.5, "channel": null})")), 1);
  const json after = GetJson("/v1/items/i2")["attributes"];
  EXPECT_EQ(after["duration"], 7.5);
  EXPECT_FALSE(after.contains("channel"));
  EXPECT_EQ(after["title"], before["title"]);
  EXPECT_EQ(after["topics"], before["topics"]);
  EXPECT_THAT(Detail(Send("PATCH", "/v1/items/nothing", "{}"), 404), HasSubstr("'nothing'"));
  EXPECT_EQ(Changed(Send("PUT", "/v1/items/i2", "{}")), 1);
  EXPECT_EQ(GetJson("/v1/items/i2")["attributes"], json({{"removed", false}}));
}

TEST_F(ApiEntitiesTest, AWrongBodyIsRefusedAndChangesNothing) {
  EXPECT_THAT(Detail(Send("PUT", "/v1/items/i2", R"({"duration": "long"})"), 400),
              HasSubstr("duration: expected a number, found a string"));
  EXPECT_THAT(Detail(Send("PUT", "/v1/items/i2", "{}", "text/plain"), 415),
              HasSubstr("expected Content-Type: application/json, found 'text/plain'"));
  EXPECT_THAT(Detail(Send("PUT", "/v1/items/i2", "{}", "application/x-ndjson"), 415),
              HasSubstr("expected Content-Type: application/json, found"));
  EXPECT_THAT(Detail(Send("PUT", "/v1/items/i2?x=1", "{}"), 400), HasSubstr("no parameter 'x'"));
  EXPECT_THAT(Detail(Send("PUT", "/v1/items/%09", "{}"), 400), HasSubstr("control characters"));
  EXPECT_THAT(
      Detail(Send("POST", "/v1/items", "{\"item\": \"x\"}\n{\"item\": \"y\", \"duration\": true}\n",
                  "application/x-ndjson"),
             400),
      HasSubstr("line 2: duration: expected a number"));
  EXPECT_EQ(Get("/v1/items/x").status, 404u) << "all or nothing";
  const HttpResponse post = Send("POST", "/v1/items/i2", "{}");
  EXPECT_EQ(post.status, 405u);
  EXPECT_EQ(post.allow, "GET, HEAD, PUT, PATCH, DELETE");
  EXPECT_EQ(Send("PUT", "/v1/items", "{}").allow, "GET, HEAD, POST, PATCH, DELETE");
  EXPECT_EQ(GetJson("/v1/items/i2")["attributes"]["duration"], 100.0);
}

TEST_F(ApiEntitiesTest, ManyAreSetByLinesOrAnArrayPlainOrGzip) {
  const std::string lines = "{\"item\": \"x\", \"title\": \"X\"}\n{\"item\": 7}\n";
  EXPECT_EQ(Changed(Send("POST", "/v1/items", lines, "application/x-ndjson")), 2);
  EXPECT_EQ(Changed(Send("POST", "/v1/items", R"([{"item": "z"}])")), 1);
  const std::string packed = Gzip("{\"item\": \"packed\"}\n");
  EXPECT_EQ(Changed(api_.Handle({.method = "POST",
                                 .target = "/v1/items",
                                 .content_type = "application/x-ndjson",
                                 .body = packed,
                                 .content_encoding = "gzip"})),
            1);
  for (const char* item : {"x", "7", "z", "packed"}) {
    EXPECT_EQ(Get(std::string("/v1/items/") + item).status, 200u) << item;
  }
}

TEST_F(ApiEntitiesTest, AListCanBeReadPageByPageAndSentAgain) {
  Send("PUT", "/v1/items/last", R"({"title": "Last"})");
  Delete("/v1/items/i3");
  std::vector<std::string> names;
  std::string target = "/v1/items?n=17";
  for (json page = GetJson(target);; page = GetJson(target)) {
    for (const json& item : page["items"]) names.push_back(item["item"]);
    if (page["next"].is_null()) break;
    target = "/v1/items?n=17&after=" + page["next"].get<std::string>();
  }
  EXPECT_EQ(names.size(), 40u);
  EXPECT_THAT(names, AllOf(Contains("last"), Not(Contains("i3"))));
  const HttpResponse lines = Lines("/v1/items");
  EXPECT_EQ(lines.content_type, "application/x-ndjson");
  EXPECT_EQ(std::ranges::count(lines.body, '\n'), 40);
  EXPECT_THAT(lines.body, HasSubstr(R"({"item":"last","title":"Last","removed":false})"));
  EXPECT_EQ(Changed(Send("POST", "/v1/items", lines.body, "application/x-ndjson")), 40);
  EXPECT_EQ(Lines("/v1/items").body, lines.body);
  EXPECT_EQ(std::ranges::count(Lines("/v1/items?n=2&after=i5").body, '\n'), 2);
  EXPECT_THAT(Detail(Get("/v1/items?after=nothing"), 400), HasSubstr("after: expected one of the"));
  EXPECT_THAT(Detail(Get("/v1/items?n=10001"), 400), HasSubstr("from 1 to 10000"));
}

TEST_F(ApiEntitiesTest, UsersHaveTheSame) {
  EXPECT_EQ(Changed(Send("PUT", "/v1/users/someone", R"({"age": 44, "region": "US"})")), 1);
  EXPECT_EQ(GetJson("/v1/users/someone")["attributes"], json({{"age", 44.0}, {"region", "US"}}));
  EXPECT_EQ(Changed(Send("PATCH", "/v1/users/someone", R"({"region": null})")), 1);
  EXPECT_EQ(GetJson("/v1/users/someone")["attributes"], json({{"age", 44.0}}));
  EXPECT_THAT(Lines("/v1/users").body, HasSubstr(R"({"user":"someone","age":44})"));
  EXPECT_EQ(Delete("/v1/users/someone").status, 200u);
  EXPECT_EQ(Get("/v1/users/someone").status, 404u);
  EXPECT_THAT(Lines("/v1/users").body, Not(HasSubstr("someone")));
  EXPECT_THAT(Detail(Send("PUT", "/v1/users/u", R"({"title": "x"})"), 400),
              HasSubstr("title: there is no such key"));
}

TEST_F(ApiEntitiesTest, WritesWaitForADiskInTheirOwnLane) {
  const auto lane = [&](std::string_view method, std::string_view target) {
    return api_.LaneOf({.method = method, .target = target, .content_type = "", .body = ""});
  };
  for (const char* method : {"PUT", "PATCH", "DELETE"}) {
    EXPECT_EQ(lane(method, "/v1/items/a"), Lane::kWrite) << method;
  }
  EXPECT_EQ(lane("PUT", "/v1/users/a"), Lane::kWrite);
  EXPECT_EQ(lane("DELETE", "/v1/users/a"), Lane::kAdmin) << "it takes what is left from the files";
  EXPECT_EQ(lane("POST", "/v1/items"), Lane::kWrite);
  EXPECT_EQ(lane("GET", "/v1/items"), Lane::kRead);
  EXPECT_EQ(lane("GET", "/v1/items/a"), Lane::kAtOnce);
}

}  // namespace
}  // namespace upnext::net
