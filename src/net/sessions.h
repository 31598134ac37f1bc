// The resource of sessions: POST /v1/users/{id}/merge makes what a visitor did before signing in the history of
// the user.
#ifndef UPNEXT_NET_SESSIONS_H_
#define UPNEXT_NET_SESSIONS_H_

#include <boost/url/url_view.hpp>
#include <string>
#include <string_view>

#include "base/status.h"
#include "net/http_message.h"
#include "serving/service.h"

namespace upnext::net {

// The session of the body {"session": "S"}, parsed without trusting it. kInvalidArgument names the key.
Result<std::string> ParseMerge(std::string_view body);
Result<HttpResponse> AnswerMerge(serving::Service& service, const std::string& user,
                                 const HttpRequest& request, const boost::urls::url_view& url);

}  // namespace upnext::net

#endif  // UPNEXT_NET_SESSIONS_H_
