// What the operator of a site asks a running server for: its configuration, the bundles that there are,
// to take up new versions, to go back to an earlier one, and to write a backup.
//
//   api.SetOperations({.config = [&] { return values; }, .reload = [&] { return follower.TakeUpNow(); }, ...});
//   AnswerOperator(operations, service, Route::kReload, request)
//
// Values and functions without state. The functions of Operations are called on any thread.
#ifndef UPNEXT_NET_ADMIN_H_
#define UPNEXT_NET_ADMIN_H_

#include <cstdint>
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

struct BackedUp {
  std::string path;  // where it is
  std::string bundle, log;
  uint64_t files = 0, bytes = 0;
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
  // Writes a backup; `name` is a plain name (IsBackupName).
  std::function<Result<BackedUp>(std::string_view name)> backup = {};
};

// Letters, digits, "_", "-" and "." that is not the first, at most 100 of them: no way to another folder.
bool IsBackupName(std::string_view name);

// Of the routes kConfig to kBackup.
Result<HttpResponse> AnswerOperator(const Operations& operations, const serving::Service& service,
                                    Route route, const HttpRequest& request);

}  // namespace upnext::net

#endif  // UPNEXT_NET_ADMIN_H_
