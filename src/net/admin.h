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
#include "base/mutex.h"
#include "base/status.h"
#include "net/http_message.h"
#include "net/routes.h"
#include "serving/service.h"

namespace upnext::net {

// That another bundle became the current one.
struct BundleChange {
  std::string time, to, from, by;  // `from`: "" for the first one
};

// A published bundle.
struct BundleVersion {
  std::string version, created, log;  // the log that it was trained on
  bool current = false, forced = false;
  std::string not_servable = {};  // why it cannot be made current, "" when it can
  bool readable = true;           // else only `version`, `current` and `not_servable` are known
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
  std::function<Result<std::vector<BundleChange>>()> changes = {};   // the newest last
  // Serves what is current when it returns; the error says why it does not.
  std::function<Status()> reload = {};
  // Makes a bundle the current one and serves it; "": the one before the current one.
  std::function<Status(std::string_view version)> roll_back = {};
  // Writes a backup; `name` is a plain name (IsBackupName).
  std::function<Result<BackedUp>(std::string_view name)> backup = {};
};

// One backup at a time, since each holds a checkpoint of the store.
class BackupTurn {
 public:
  // False while another one is written; `running` then says which.
  bool Begin(std::string_view name, std::string* running);
  void End();

 private:
  base::Mutex mutex_;
  std::string name_ UPNEXT_GUARDED_BY(mutex_);  // "" while none is written
  int64_t since_ms_ UPNEXT_GUARDED_BY(mutex_) = 0;
};

// Letters, digits, "_", "-" and "." that is not the first, at most 100 of them: no way to another folder.
bool IsBackupName(std::string_view name);

// Of the routes kConfig to kBackup.
Result<HttpResponse> AnswerOperator(const Operations& operations, BackupTurn& backups,
                                    const serving::Service& service, Route route,
                                    const HttpRequest& request);

}  // namespace upnext::net

#endif  // UPNEXT_NET_ADMIN_H_
