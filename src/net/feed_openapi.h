// The body of POST /v1/recommendations in the description of the API: made from the parameters of GET.
#ifndef UPNEXT_NET_FEED_OPENAPI_H_
#define UPNEXT_NET_FEED_OPENAPI_H_

#include <nlohmann/json.hpp>

namespace upnext::net {

// To be called when GET has its parameters.
void DescribeFeedBody(nlohmann::ordered_json* api);

}  // namespace upnext::net

#endif  // UPNEXT_NET_FEED_OPENAPI_H_
