// Rows of a page: `rows` of the body of POST /v1/recommendations, and their answer.
//
//   {"user": "u7", "rows": [{"scenario": "home", "n": 10}, {"because": true}, {"segment": "channel", "n": 5, "items": 4}]}
//
//   UPNEXT_ASSIGN_OR_RETURN(std::vector<serving::RowRequest> rows, ParseFeedRows(schema, element));
//
// Pure functions of their arguments. Errors are kInvalidArgument and name the row and the key.
#ifndef UPNEXT_NET_FEED_ROWS_H_
#define UPNEXT_NET_FEED_ROWS_H_

#include <simdjson.h>

#include <vector>

#include "base/status.h"
#include "net/feed_request.h"
#include "net/http_message.h"
#include "schema/schema.h"
#include "serving/rows.h"
#include "serving/service.h"

namespace upnext::net {

inline constexpr size_t kMaxFeedRows = 50;

Result<std::vector<serving::RowRequest>> ParseFeedRows(const schema::Schema& schema,
                                                       const simdjson::dom::element& value);
Result<HttpResponse> AnswerFeedRows(serving::Service& service,
                                    const serving::Generation& generation,
                                    const FeedRequest& asked);

}  // namespace upnext::net

#endif  // UPNEXT_NET_FEED_ROWS_H_
