// What a Content-Type says of a body.
//
//   const std::string why = WhyNotJson("application/json; charset=utf-8");      ""
//
// Pure functions.
#ifndef UPNEXT_NET_CONTENT_TYPE_H_
#define UPNEXT_NET_CONTENT_TYPE_H_

#include <string>
#include <string_view>

namespace upnext::net {

// "" for application/json in UTF-8, which it is without a charset; else what was expected and found.
std::string WhyNotJson(std::string_view content_type);

}  // namespace upnext::net

#endif  // UPNEXT_NET_CONTENT_TYPE_H_
