// Many items or users at once, by a condition: PATCH and DELETE of /v1/items?filter=..., PATCH of /v1/users?filter=...
//
//   UPNEXT_ASSIGN_OR_RETURN(HttpResponse answer, AnswerByFilter(service, Entity::kItem, request, url));
//
// Pure functions of their arguments; any number of threads.
#ifndef UPNEXT_NET_ENTITIES_BY_FILTER_H_
#define UPNEXT_NET_ENTITIES_BY_FILTER_H_

#include <boost/url/url_view.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "net/http_message.h"
#include "schema/attribute.h"
#include "schema/schema.h"
#include "serving/matching.h"
#include "serving/service.h"
#include "store/posted_records.h"

namespace upnext::net {

struct ByFilter {
  std::string filter;
  std::vector<std::pair<std::string, std::vector<std::string>>> arguments = {};  // of the filter
  bool dry_run = false;
  store::EntityChange change = {
      .change = store::WriteBatch::NewRecord::Change::kDelete,
      .row = {}};  // of all that the filter holds for; its row has no name of one
};
// What a request asks, parsed without trusting it. kInvalidArgument names the parameter or the key.
Result<ByFilter> ParseByFilter(const schema::Schema& schema, schema::Entity entity,
                               const HttpRequest& request, const boost::urls::url_view& url);

Result<HttpResponse> AnswerByFilter(serving::Service& service, schema::Entity entity,
                                    const HttpRequest& request, const boost::urls::url_view& url);

}  // namespace upnext::net

#endif  // UPNEXT_NET_ENTITIES_BY_FILTER_H_
