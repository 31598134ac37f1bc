#include "net/admin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "net/test_api.h"

namespace upnext::net {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class OperatorTest : public ApiTest {
 protected:
  std::vector<std::string> rolled_back_;
  Status outcome_ = Ok();
  std::function<void()> during_backup_;

  OperatorTest() {
    api_.SetOperations(
        {.config =
             [] { return std::vector<base::ConfigValue>{{"server.timeout", "30", "default"}}; },
         .bundles =
             [] {
               return std::vector<BundleVersion>{
                   {.version = "v000001", .created = "now", .log = "v000001", .current = true},
                   {.version = "v000002",
                    .created = "",
                    .log = "v000007",
                    .not_servable = "its log is gone"},
                   {.version = "v000003",
                    .created = "",
                    .log = "",
                    .not_servable = "manifest.json is damaged",
                    .readable = false}};
             },
         .changes =
             [] {
               return std::vector<BundleChange>{
                   {.time = "then", .to = "v000001", .from = "", .by = "training"},
                   {.time = "now", .to = "v000002", .from = "v000001", .by = "roll back"}};
             },
         .reload = [this] { return outcome_; },
         .roll_back =
             [this](std::string_view version) {
               rolled_back_.emplace_back(version);
               return outcome_;
             },
         .backup = [this](std::string_view name) -> Result<BackedUp> {
           if (during_backup_) during_backup_();
           if (name == "monday") return AlreadyExists("/b/monday: expected no folder of this name");
           return BackedUp{.path = "/b/" + std::string(name),
                           .bundle = "v1",
                           .log = "v2",
                           .files = 3,
                           .bytes = 4};
         }});
  }
};

TEST_F(OperatorTest, TheConfigurationIsListedWithOrigins) {
  EXPECT_EQ(GetJson("/v1/config"),
            json::parse(
                R"({"values": [{"key": "server.timeout", "value": "30", "origin": "default"}]})"));
}

TEST_F(OperatorTest, BundlesSayWhetherTheyCanBeServed) {
  const json bundles = GetJson("/v1/bundles")["bundles"];
  ASSERT_EQ(bundles.size(), 3u);
  EXPECT_EQ(bundles[0]["served"], true);
  EXPECT_EQ(bundles[0]["can_be_current"], true);
  EXPECT_EQ(bundles[1]["served"], false);
  EXPECT_EQ(bundles[1]["reason"], "its log is gone");
  EXPECT_EQ(bundles[2], json::parse(R"({"bundle": "v000003", "current": false, "served": false,
      "can_be_current": false, "reason": "manifest.json is damaged"})"));
  EXPECT_EQ(GetJson("/v1/bundles")["changes"], json::parse(R"([
      {"time": "then", "to": "v000001", "by": "training"},
      {"time": "now", "to": "v000002", "from": "v000001", "by": "roll back"}])"));
}

TEST_F(OperatorTest, ARollBackNamesOneBundleOrNone) {
  EXPECT_EQ(Post("/v1/rollback", R"({"bundle": "v000003"})").status, 200u);
  EXPECT_EQ(Post("/v1/rollback", "", "").status, 200u);
  EXPECT_EQ(Post("/v1/rollback", "{}").status, 200u);
  EXPECT_THAT(rolled_back_, testing::ElementsAre("v000003", "", ""));
  EXPECT_THAT(Detail(Post("/v1/rollback", R"({"bundel": "v000003"})"), 400), HasSubstr("bundel"));
  EXPECT_THAT(Detail(Post("/v1/rollback", R"({"bundle": 3})"), 400), HasSubstr("number"));
  EXPECT_THAT(Detail(Post("/v1/rollback", "[1"), 400), HasSubstr("JSON object"));
  EXPECT_EQ(rolled_back_.size(), 3u);
}

TEST_F(OperatorTest, AReloadTakesNoBodyOrAnEmptyObject) {
  EXPECT_EQ(Post("/v1/reload", "", "").status, 200u);
  EXPECT_EQ(Post("/v1/reload", "{}").status, 200u);
  for (const char* body : {R"({"bundle": "v1"})", "[]", "{", "null"}) {
    EXPECT_THAT(Detail(Post("/v1/reload", body), 400), HasSubstr("no body, or {}"));
  }
}

TEST_F(OperatorTest, OneBackupAtATime) {
  HttpResponse second;
  during_backup_ = [&] { second = Post("/v1/backup", R"({"to": "second"})"); };
  EXPECT_EQ(Post("/v1/backup", R"({"to": "first"})").status, 200u);
  EXPECT_THAT(Detail(second, 409), HasSubstr("the backup 'first' is being written since 20"));
  during_backup_ = nullptr;
  EXPECT_EQ(Post("/v1/backup", R"({"to": "second"})").status, 200u);
}

TEST_F(OperatorTest, WhatFailsIsAnswered) {
  outcome_ = FailedPrecondition("bundle v000001 is the oldest that there is");
  EXPECT_THAT(Detail(Post("/v1/rollback", "", ""), 409), HasSubstr("the oldest"));
  outcome_ = DataLoss("part 'ranker' is damaged");
  EXPECT_THAT(Detail(Post("/v1/reload", "", ""), 500), HasSubstr("damaged"));
}

TEST_F(OperatorTest, ABackupIsAFolderOfThisNameAndOfNoOtherPlace) {
  const HttpResponse done = Post("/v1/backup", R"({"to": "2026-05-01"})");
  EXPECT_EQ(json::parse(done.body)["to"], "/b/2026-05-01") << done.body;
  EXPECT_THAT(Detail(Post("/v1/backup", R"({"to": "monday"})"), 409), HasSubstr("/b/monday"));
  for (const char* name : {"", ".", "..", "../x", "/etc", "a/b", ".hidden", "a\\u0000", "a b"}) {
    Detail(Post("/v1/backup", fmt::format(R"({{"to": "{}"}})", name)), 400);
  }
  Detail(Post("/v1/backup", "", ""), 400);
}

// Without keys, a page that somebody visits could otherwise send them.
TEST_F(OperatorTest, WebPagesChangeNothing) {
  const HttpResponse refused = api_.Handle({.method = "POST",
                                            .target = "/v1/rollback",
                                            .content_type = "",
                                            .body = "",
                                            .origin = "https://evil.example"});
  EXPECT_THAT(Detail(refused, 403), HasSubstr("web page"));
  EXPECT_EQ(Post("/v1/rollback", "{}", "text/plain").status, 415u);
  EXPECT_TRUE(rolled_back_.empty());
}

TEST_F(ApiTest, AServerWithoutOperationsSaysSo) {
  EXPECT_THAT(Detail(Get("/v1/config"), 404), HasSubstr("does not do this"));
  EXPECT_THAT(Detail(Post("/v1/reload", "", ""), 404), HasSubstr("does not do this"));
}

}  // namespace
}  // namespace upnext::net
