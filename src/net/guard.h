// Who may do what: the key of a request, what it allows, and how often its holder may ask.
//
//   Guard guard(options, std::move(keys));
//   std::expected<Caller, HttpResponse> caller = guard.Admit(request, line, now_ms);
//
// Any number of threads.
#ifndef UPNEXT_NET_GUARD_H_
#define UPNEXT_NET_GUARD_H_

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "net/http_message.h"
#include "net/keys.h"
#include "net/rate_limit.h"
#include "net/routes.h"
#include "net/server_options.h"

namespace upnext::net {

struct Caller {
  std::string key = {};     // its id; "" where no key is needed
  bool is_public = false;   // anybody may hold the key
  std::string quota = {};   // whose quota of new names it uses: the key's, else the client's
  uint32_t per_second = 0;  // requests that it may send; 0: any number
};
struct Refused {
  Refusal why;
  unsigned status;  // 401, 403 or 429
  std::string detail;
};

class Guard {
 public:
  // `keys`: null where none is needed.
  Guard(const ServerOptions& options, std::shared_ptr<KeyRing> keys)
      : keys_(std::move(keys)),
        per_second_(options.requests_per_second),
        page_per_second_(options.page_requests_per_second) {}
  std::expected<Caller, Refused> Admit(const HttpRequest& request, const RouteInfo& line,
                                       int64_t now_ms);

  // Of a request that turns out to be as much work as `cost` of them, one of which Admit has taken.
  std::optional<Refused> Charge(const Caller& caller, uint32_t cost, int64_t now_ms);

 private:
  std::expected<Caller, Refused> CheckKey(const HttpRequest& request, const RouteInfo& line,
                                          uint32_t* per_second);

  const std::shared_ptr<KeyRing> keys_;
  const uint32_t per_second_, page_per_second_;  // 0: any number
  RateLimit rates_;
};

}  // namespace upnext::net

#endif  // UPNEXT_NET_GUARD_H_
