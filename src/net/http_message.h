// A request and its answer without sockets, as request_reader.h makes them and api.h takes them.
//
// Plain values. Views of a request live as long as what they were read from.
#ifndef UPNEXT_NET_HTTP_MESSAGE_H_
#define UPNEXT_NET_HTTP_MESSAGE_H_

#include <string>
#include <string_view>
#include <vector>

#include "net/feed_report.h"

namespace upnext::net {

struct HttpRequest {
  std::string_view method, target, content_type, body;
  std::string_view host = {};  // "" of HTTP/1.0
  std::string_view content_encoding = {}, accept_encoding = {}, accept = {};
  std::string_view authorization = {};
  std::string_view origin = {};       // of the web page that sent it, "" where no page did
  std::string_view traceparent = {};  // of W3C Trace Context
  std::string_view client = {};       // who sent it, see ClientOf in host.h
};
struct HttpResponse {
  unsigned status = 200;
  std::string content_type = "application/json", body;
  std::string allow = {};   // the methods of the resource, with status 405
  int retry_after_s = 0;    // with status 429, 503 and 507
  bool asks_key = false;    // WWW-Authenticate, with status 401
  bool gzipped = false;     // the body
  bool takes_gzip = false;  // and nothing else, with status 415
  // For web pages of other sites (cross_origin.h).
  std::string allow_origin = {};   // "" for none
  std::string allow_methods = {};  // with the answer to OPTIONS
  bool varies_by_origin = false;
  std::vector<FeedReport> feeds = {};  // that it has, for those who watch the server
};

// Why a request was not answered in the ordinary way; each is a value of a metric.
enum class Refusal {
  kMalformed,    // not HTTP/1.1, or HTTP that two readers may understand differently
  kHeaders,      // request line and headers too large
  kBody,         // one body too large
  kFraming,      // chunk extensions or trailers too large
  kBodies,       // too many bytes of bodies in flight
  kAnswers,      // too many bytes of answers that clients have not read
  kConnections,  // too many connections
  kWaiting,      // too many requests wait for a thread
  kHost,         // a Host that is not this server's
  kKey,          // no key, or one that is not valid
  kRole,         // a key that does not allow it
  kRate,         // too many requests of one caller in a second
};
inline constexpr size_t kRefusals = 12;

}  // namespace upnext::net

#endif  // UPNEXT_NET_HTTP_MESSAGE_H_
