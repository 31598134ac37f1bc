// Which web pages of other sites may read answers: [server] allow_origins, by the protocol of browsers
// (CORS, Fetch standard 3.2). Feeds, similar items and events are open to them, nothing else is.
//
//   const CrossOrigin pages({"https://shop.example"});
//   if (pages.Allows(origin)) answer = CrossOrigin::Preflight("POST");    to OPTIONS
//   pages.Mark(request, &answer);    every answer of such a resource, that to OPTIONS too
//
// Answers never allow credentials (cookies): the service knows users by the parameters of requests.
// Immutable: any number of threads.
#ifndef UPNEXT_NET_CROSS_ORIGIN_H_
#define UPNEXT_NET_CROSS_ORIGIN_H_

#include <string>
#include <string_view>
#include <vector>

#include "net/http_message.h"

namespace upnext::net {

// Whether it is what browsers send as Origin, "https://shop.example" or "http://localhost:3000", or
// "*".
bool IsOriginRule(std::string_view text);

class CrossOrigin {
 public:
  // Rules that IsOriginRule accepts; none: no page of another site.
  explicit CrossOrigin(std::vector<std::string> origins);
  bool enabled() const { return !origins_.empty(); }
  bool Allows(std::string_view origin) const;
  // The answer to OPTIONS of a resource with this method, from an origin that is allowed.
  static HttpResponse Preflight(std::string_view methods);
  // Lets the page of an origin that is allowed read the answer.
  void Mark(const HttpRequest& request, HttpResponse* answer) const;

 private:
  const std::vector<std::string> origins_;
  const bool any_;
};

}  // namespace upnext::net

#endif  // UPNEXT_NET_CROSS_ORIGIN_H_
