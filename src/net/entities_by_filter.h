// Many items or users at once, by a condition: PATCH and DELETE of /v1/items?filter=..., PATCH of /v1/users?filter=...
//
//   UPNEXT_ASSIGN_OR_RETURN(HttpResponse answer, AnswerByFilter(service, Entity::kItem, request, url));
//
// Pure functions of their arguments; any number of threads.
#ifndef UPNEXT_NET_ENTITIES_BY_FILTER_H_
#define UPNEXT_NET_ENTITIES_BY_FILTER_H_

#include <boost/url/url_view.hpp>

#include "base/status.h"
#include "net/http_message.h"
#include "schema/attribute.h"
#include "serving/service.h"

namespace upnext::net {

Result<HttpResponse> AnswerByFilter(serving::Service& service, schema::Entity entity,
                                    const HttpRequest& request, const boost::urls::url_view& url);

}  // namespace upnext::net

#endif  // UPNEXT_NET_ENTITIES_BY_FILTER_H_
