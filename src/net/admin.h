// What the operator of a site asks a running server for: its configuration, the bundles that there are,
// to take up new versions, and to go back to an earlier one.
//
//   api.SetOperations({.config = [&] { return values; }, .reload = [&] { return follower.TakeUpNow(); }, ...});
//   AnswerOperator(operations, service, Route::kReload, request)
//
// Values and functions without state. The functions of Operations are called on any thread.
#ifndef UPNEXT_NET_ADMIN_H_
#define UPNEXT_NET_ADMIN_H_

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/config.h"
#include "base/status.h"
#include "net/http_message.h"
#include "net/routes.h"
#include "serving/service.h"

namespace upnext::net {

// A published bundle.
struct BundleVersion {
  std::string version, created, log;  // the log that it was trained on
  bool current = false, forced = false;
  std::string not_servable = {};  // why it cannot be made current, "" when it can
  std::vector<std::pair<std::string, double>> figures = {};
};

// What the process around the API does. An empty function is answered as something that this server
// does not do.
struct Operations {
  std::function<std::vector<base::ConfigValue>()> config = {};
  std::function<Result<std::vector<BundleVersion>>()> bundles = {};  // oldest first
  // Serves what is current when it returns; the error says why it does not.
  std::function<Status()> reload = {};
  // Makes a bundle the current one and serves it; "": the one before the current one.
  std::function<Status(std::string_view version)> roll_back = {};
};

// Of the routes kConfig to kRollback.
Result<HttpResponse> AnswerOperator(const Operations& operations, const serving::Service& service,
                                    Route route, const HttpRequest& request);

}  // namespace upnext::net

#endif  // UPNEXT_NET_ADMIN_H_
