// The resources of items and users: /v1/items, /v1/items/{id}, /v1/users, /v1/users/{id}.
//
//   UPNEXT_ASSIGN_OR_RETURN(HttpResponse answer, AnswerRow(service, Entity::kItem, "v17", request,
//                                                          url));
//
// Pure functions of their arguments; any number of threads.
#ifndef UPNEXT_NET_ENTITIES_H_
#define UPNEXT_NET_ENTITIES_H_

#include <boost/url/url_view.hpp>
#include <string>
#include <string_view>

#include "base/status.h"
#include "net/http_message.h"
#include "schema/attribute.h"
#include "serving/service.h"

namespace upnext::net {

inline constexpr uint32_t kMostListed = 10'000;  // items or users in one answer

// GET, PUT, PATCH and DELETE of one. The body of `request` is JSON.
Result<HttpResponse> AnswerRow(serving::Service& service, schema::Entity entity,
                               const std::string& name, const HttpRequest& request,
                               const boost::urls::url_view& url);
// GET of a list, POST of many, PATCH and DELETE by filter.
Result<HttpResponse> AnswerRows(serving::Service& service, schema::Entity entity,
                                const HttpRequest& request, const boost::urls::url_view& url);

}  // namespace upnext::net

#endif  // UPNEXT_NET_ENTITIES_H_
