// The answer of GET /v1/requests/{id}: what was answered under a request id, from the log of slates.
#ifndef UPNEXT_NET_SERVED_ANSWER_H_
#define UPNEXT_NET_SERVED_ANSWER_H_

#include <boost/url/url_view.hpp>
#include <string>

#include "base/status.h"
#include "net/http_message.h"
#include "serving/service.h"

namespace upnext::net {

Result<HttpResponse> AnswerServed(const serving::Service& service, const std::string& id,
                                  const boost::urls::url_view& url);

}  // namespace upnext::net

#endif  // UPNEXT_NET_SERVED_ANSWER_H_
