#include "net/routes.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "net/openapi.h"
#include "net/parameters.h"

namespace upnext::net {
namespace {

FoundRoute Find(std::string_view target, std::string_view method = "GET") {
  return FindRoute(*ParseTarget(target), method);
}

TEST(Routes, TheDescriptionHasEveryLineAndNothingElse) {
  std::set<std::string> table, described;
  for (const RouteInfo& line : Routes()) {
    std::string method(line.method);
    for (char& c : method) c = static_cast<char>(c | 0x20);
    EXPECT_TRUE(table.insert(method + " " + std::string(line.path)).second) << line.path;
  }
  const auto api = nlohmann::json::parse(OpenApi({}));
  for (const auto& [path, operations] : api["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) {
      described.insert(method + " " + path);
    }
  }
  EXPECT_EQ(table, described);
}

TEST(Routes, NamesAreOneForEachRoute) {
  std::map<std::string_view, Route> names;
  for (const RouteInfo& line : Routes()) {
    EXPECT_EQ(names.emplace(line.name, line.route).first->second, line.route) << line.name;
    EXPECT_EQ(NameOf(line.route), line.name);
  }
  EXPECT_EQ(names.size(), kRoutes - 1);
  EXPECT_EQ(NameOf(Route::kOther), "other");
}

TEST(Routes, PathsAreMatchedBySegments) {
  EXPECT_EQ(Find("/v1/items/a%2Fb/similar?n=1").info->route, Route::kSimilar);
  EXPECT_EQ(Find("/v1/items/a%2Fb/similar").id, "a/b");
  EXPECT_EQ(Find("/v1/items/similar").info->route, Route::kItem);
  EXPECT_EQ(Find("/healthz").info->access, Access::kOpen);
  for (const char* none : {"/", "/v1", "/v1/items/a/b", "/v1/items/a/similar/c", "/healthz/x"}) {
    EXPECT_EQ(Find(none).other, nullptr) << none;
  }
}

TEST(Routes, AnotherMethodIsToldWhatThePathHas) {
  EXPECT_EQ(Find("/metrics", "HEAD").info->route, Route::kMetrics);
  const FoundRoute post = Find("/metrics", "POST");
  EXPECT_EQ(post.info, nullptr);
  EXPECT_EQ(post.other->route, Route::kMetrics);
  EXPECT_EQ(post.allow, "GET, HEAD");
  EXPECT_EQ(Find("/v1/users/u", "POST").allow, "GET, HEAD, PUT, PATCH, DELETE");
  EXPECT_EQ(Find("/v1/items", "HEAD").info->lane, Lane::kRead);
  EXPECT_EQ(Find("/v1/items", "POST").info->lane, Lane::kWrite);
}

}  // namespace
}  // namespace upnext::net
