// Keeps a running service at the current bundle and log of its project: looks at their CURRENT files
// every second, makes a generation of new versions next to the old one, and replaces that. Requests
// neither fail nor wait meanwhile. Memory holds both bundles, and two caches of user states, until
// the requests under way with the old ones have ended.
//
//   Follower follower(service, store, {.service = options, .report = [](auto line) { ... }});
//   follower.Look();                                     now, e.g. after SIGHUP
//   UPNEXT_RETURN_IF_ERROR(follower.TakeUpNow());        now, and waits for it
//
// What cannot be opened is reported, also by Service::status(), and tried again when CURRENT changes
// or Look() is called; the service stays as it is. Look() and TakeUpNow() may be called from any thread;
// `report` is called from the follower's own. The service outlives this; the destructor waits for a take-up that
// has begun.
#ifndef UPNEXT_SERVING_FOLLOWER_H_
#define UPNEXT_SERVING_FOLLOWER_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>

#include "base/status.h"
#include "serving/service.h"
#include "store/store.h"

namespace upnext::serving {

struct FollowerOptions {
  ServiceOptions service;
  std::function<void(std::string_view line)> report = [](std::string_view) {};
  std::chrono::milliseconds every{1000};
};

class Follower {
 public:
  Follower(Service& service, std::shared_ptr<store::Store> store, FollowerOptions options);
  ~Follower();
  void Look();
  // When it returns without an error, the service serves what was current when it was called, or newer.
  // The error says why not; the service stays as it is. Not while the destructor runs.
  Status TakeUpNow();

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_FOLLOWER_H_
