// The part of the API's description that is the same for every site (openapi.h).
#ifndef UPNEXT_NET_OPENAPI_FRAME_H_
#define UPNEXT_NET_OPENAPI_FRAME_H_

#include <string_view>

namespace upnext::net {

// A JSON document: paths, parameters and answers, without the attributes and event types of a site.
std::string_view OpenApiFrame();

}  // namespace upnext::net

#endif  // UPNEXT_NET_OPENAPI_FRAME_H_
