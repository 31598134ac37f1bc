// The machine-readable description of the API that /openapi.json serves.
#ifndef UPNEXT_NET_OPENAPI_H_
#define UPNEXT_NET_OPENAPI_H_

#include <string_view>

namespace upnext::net {

extern const std::string_view kOpenApi;

}  // namespace upnext::net

#endif  // UPNEXT_NET_OPENAPI_H_
