// The answers of lists of items: /v1/recommendations and /v1/items/{id}/similar.
#ifndef UPNEXT_NET_RECOMMENDATIONS_H_
#define UPNEXT_NET_RECOMMENDATIONS_H_

#include <boost/url/url_view.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/status.h"
#include "net/guard.h"
#include "net/http_message.h"
#include "serving/service.h"

namespace upnext::net {

// The refusal of a request that is as much work as `cost` of them, if its caller may not send so many.
using Charge = std::function<std::optional<HttpResponse>(uint32_t cost)>;

// GET with a query, or POST with a JSON body.
Result<HttpResponse> AnswerRecommendations(serving::Service& service, const HttpRequest& request,
                                           const boost::urls::url_view& url, const Caller& caller,
                                           const Charge& charge);
Result<HttpResponse> AnswerSimilar(serving::Service& service, const boost::urls::url_view& url,
                                   const std::string& item, const Caller& caller);

}  // namespace upnext::net

#endif  // UPNEXT_NET_RECOMMENDATIONS_H_
