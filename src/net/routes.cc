#include "net/routes.h"

#include <algorithm>
#include <array>
#include <vector>

namespace upnext::net {
namespace {

constexpr std::array kTable = {
    RouteInfo{Route::kRecommendations, "recommendations", "GET", "/v1/recommendations", Lane::kRead,
              Access::kRecommend, true},
    RouteInfo{Route::kRecommendations, "recommendations", "POST", "/v1/recommendations",
              Lane::kRead, Access::kRecommend, true},
    RouteInfo{Route::kEvents, "events", "POST", "/v1/events", Lane::kWrite, Access::kEvents, true},
    RouteInfo{Route::kItems, "items", "GET", "/v1/items", Lane::kRead, Access::kItems},
    RouteInfo{Route::kItems, "items", "POST", "/v1/items", Lane::kWrite, Access::kItems},
    RouteInfo{Route::kItems, "items", "PATCH", "/v1/items", Lane::kAdmin, Access::kItems},
    RouteInfo{Route::kItems, "items", "DELETE", "/v1/items", Lane::kAdmin, Access::kItems},
    RouteInfo{Route::kItem, "item", "GET", "/v1/items/{id}", Lane::kAtOnce, Access::kRecommend},
    RouteInfo{Route::kItem, "item", "PUT", "/v1/items/{id}", Lane::kWrite, Access::kItems},
    RouteInfo{Route::kItem, "item", "PATCH", "/v1/items/{id}", Lane::kWrite, Access::kItems},
    RouteInfo{Route::kItem, "item", "DELETE", "/v1/items/{id}", Lane::kWrite, Access::kItems},
    RouteInfo{Route::kSimilar, "similar", "GET", "/v1/items/{id}/similar", Lane::kRead,
              Access::kRecommend, true},
    RouteInfo{Route::kUsers, "users", "GET", "/v1/users", Lane::kRead, Access::kItems},
    RouteInfo{Route::kUsers, "users", "POST", "/v1/users", Lane::kWrite, Access::kItems},
    RouteInfo{Route::kUsers, "users", "PATCH", "/v1/users", Lane::kAdmin, Access::kItems},
    RouteInfo{Route::kUser, "user", "GET", "/v1/users/{id}", Lane::kAtOnce, Access::kItems},
    RouteInfo{Route::kUser, "user", "PUT", "/v1/users/{id}", Lane::kWrite, Access::kItems},
    RouteInfo{Route::kUser, "user", "PATCH", "/v1/users/{id}", Lane::kWrite, Access::kItems},
    RouteInfo{Route::kUser, "user", "DELETE", "/v1/users/{id}", Lane::kAdmin, Access::kAdmin},
    RouteInfo{Route::kMerge, "merge", "POST", "/v1/users/{id}/merge", Lane::kWrite,
              Access::kEvents},
    RouteInfo{Route::kHistory, "history", "GET", "/v1/users/{id}/history", Lane::kRead,
              Access::kAdmin},
    RouteInfo{Route::kServed, "request", "GET", "/v1/requests/{id}", Lane::kRead, Access::kAdmin},
    RouteInfo{Route::kHealth, "healthz", "GET", "/healthz", Lane::kAtOnce, Access::kOpen},
    RouteInfo{Route::kReady, "readyz", "GET", "/readyz", Lane::kAtOnce, Access::kOpen},
    RouteInfo{Route::kMetrics, "metrics", "GET", "/metrics", Lane::kAtOnce, Access::kMonitor},
    RouteInfo{Route::kOpenApi, "openapi", "GET", "/openapi.json", Lane::kAtOnce, Access::kOpen},
    RouteInfo{Route::kStatus, "status", "GET", "/v1/status", Lane::kRead, Access::kMonitor},
    RouteInfo{Route::kStatusPage, "status_page", "GET", "/status", Lane::kRead, Access::kMonitor},
    RouteInfo{Route::kLlms, "llms", "GET", "/llms.txt", Lane::kAtOnce, Access::kOpen},
    RouteInfo{Route::kGuide, "guide", "GET", "/guides/{id}", Lane::kAtOnce, Access::kOpen},
    RouteInfo{Route::kConfig, "config", "GET", "/v1/config", Lane::kAtOnce, Access::kMonitor},
    RouteInfo{Route::kBundles, "bundles", "GET", "/v1/bundles", Lane::kRead, Access::kMonitor},
    RouteInfo{Route::kReload, "reload", "POST", "/v1/reload", Lane::kAdmin, Access::kAdmin},
    RouteInfo{Route::kRollback, "rollback", "POST", "/v1/rollback", Lane::kAdmin, Access::kAdmin},
    RouteInfo{Route::kBackup, "backup", "POST", "/v1/backup", Lane::kAdmin, Access::kAdmin},
};

// Whether the segments of a path are those of a line; `id`: what stands for {id}.
bool Matches(std::string_view path, const std::vector<std::string>& segments, std::string* id) {
  size_t i = 0;
  for (; !path.empty(); ++i) {
    path.remove_prefix(1);  // the slash
    const std::string_view want = path.substr(0, path.find('/'));
    path.remove_prefix(want.size());
    if (i == segments.size()) return false;
    if (want == "{id}") {
      *id = segments[i];
    } else if (want != segments[i]) {
      return false;
    }
  }
  return i == segments.size();
}

}  // namespace

std::span<const RouteInfo> Routes() { return kTable; }

std::string_view NameOf(Route route) {
  const auto found = std::ranges::find(kTable, route, &RouteInfo::route);
  return found == kTable.end() ? "other" : found->name;
}

FoundRoute FindRoute(const boost::urls::url_view& url, std::string_view method) {
  std::vector<std::string> segments;
  for (const auto segment : url.segments()) segments.emplace_back(segment);
  FoundRoute found;
  for (const RouteInfo& line : kTable) {
    if (!Matches(line.path, segments, &found.id)) continue;
    found.other = &line;
    if (!found.allow.empty()) found.allow += ", ";
    found.allow += line.method;
    if (line.method == "GET") found.allow += ", HEAD";
    if (method == line.method || (method == "HEAD" && line.method == "GET")) found.info = &line;
  }
  return found;
}

}  // namespace upnext::net
