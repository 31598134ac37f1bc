// The resource of what a user did: GET /v1/users/{id}/history.
#ifndef UPNEXT_NET_HISTORY_H_
#define UPNEXT_NET_HISTORY_H_

#include <boost/url/url_view.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "net/http_message.h"
#include "serving/service.h"

namespace upnext::net {

// Where a page of a history begins: before `time_ms`, and of the events at that time `given` were given.
struct HistoryCursor {
  int64_t time_ms = 0;
  size_t given = 0;
};
// "1777622400000-2", as answers have it; or a time: seconds since 1970 or ISO text. None for others.
std::optional<HistoryCursor> ParseCursor(std::string_view text);

Result<HttpResponse> AnswerHistory(serving::Service& service, const std::string& user,
                                   const boost::urls::url_view& url);

}  // namespace upnext::net

#endif  // UPNEXT_NET_HISTORY_H_
