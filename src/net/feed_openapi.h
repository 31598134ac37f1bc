// Feeds in the description of the API: the body of POST, made from the parameters of GET, and the answers that are made from
// slates.
#ifndef UPNEXT_NET_FEED_OPENAPI_H_
#define UPNEXT_NET_FEED_OPENAPI_H_

#include <nlohmann/json.hpp>

namespace upnext::net {

// To be called when GET has its parameters.
void DescribeFeedBody(nlohmann::ordered_json* api);
// Pages of rows, and answers of the log of slates.
void DescribeFeedAnswers(nlohmann::ordered_json* api);

}  // namespace upnext::net

#endif  // UPNEXT_NET_FEED_OPENAPI_H_
