// The one table of what the server answers: router, lanes, access, metrics and the check of the OpenAPI
// description are made from it. A new resource is a line in routes.cc, a case in api.cc and its path in
// openapi.cc; a test holds the table and the description equal.
//
//   const FoundRoute found = FindRoute(url, "GET");
//   if (found.info == nullptr) ...      found.allow: the methods that the path has, "" when there is no such path
//
// Pure functions over a constant table.
#ifndef UPNEXT_NET_ROUTES_H_
#define UPNEXT_NET_ROUTES_H_

#include <boost/url/url_view.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace upnext::net {

enum class Route : uint8_t {
  kRecommendations,
  kEvents,
  kItem,
  kItems,
  kSimilar,
  kUser,
  kUsers,
  kMerge,
  kHistory,
  kServed,
  kHealth,
  kReady,
  kMetrics,
  kOpenApi,
  kStatus,
  kStatusPage,
  kLlms,
  kGuide,
  kConfig,
  kBundles,
  kReload,
  kRollback,
  kBackup,
  kOther  // no line of the table
};
inline constexpr size_t kRoutes = static_cast<size_t>(Route::kOther) + 1;

// Where a request is to be answered.
enum class Lane : uint8_t {
  kAtOnce,  // from memory: on the thread that read it
  kRead,    // computes, and may read a disk
  kWrite,   // waits for a write to a disk
  kAdmin,   // takes seconds: so that events do not wait for it
};

// What a key must allow (keys.h). kOpen: nothing, for load balancers.
enum class Access : uint8_t { kOpen, kRecommend, kEvents, kItems, kMonitor, kAdmin };

struct RouteInfo {
  Route route;
  std::string_view name;    // label of the metrics
  std::string_view method;  // GET answers HEAD too
  std::string_view path;    // "/v1/items/{id}/similar"; {id} is one segment
  Lane lane;
  Access access;
  bool for_pages = false;  // web pages may use it, if [server] allow_origins lists them
};
std::span<const RouteInfo> Routes();
std::string_view NameOf(Route route);  // "other" for kOther

struct FoundRoute {
  const RouteInfo* info = nullptr;   // null: none with this path and method
  const RouteInfo* other = nullptr;  // a line of the same path, where the method is another
  std::string id = {};               // what stands for {id}, decoded
  std::string allow = {};            // "GET, HEAD, DELETE": the methods of the path
};
FoundRoute FindRoute(const boost::urls::url_view& url, std::string_view method);

}  // namespace upnext::net

#endif  // UPNEXT_NET_ROUTES_H_
