// The JSON body of POST /v1/recommendations, parsed without trusting it, as the parameters of GET: the
// same names with the types that JSON has for them.
//
//   {"user": "u7", "n": 20, "exclude": ["v1", "v2"], "parameters": {"max": 5}, "weights": {"watch": 1}}
//
//   UPNEXT_ASSIGN_OR_RETURN(FeedBody asked, ParseFeedBody(schema, body));
//
// Pure functions. Errors are kInvalidArgument and name the key.
#ifndef UPNEXT_NET_FEED_BODY_H_
#define UPNEXT_NET_FEED_BODY_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "net/parameters.h"
#include "schema/schema.h"
#include "serving/rows.h"

namespace upnext::net {

inline constexpr size_t kMaxFeedIds = 10'000;  // in one list of a body

// Lists become one parameter for each element, `return` names separated by commas, `weights` the
// parameter `score`, flags "true" and "false". null is as if the key were not there.
struct FeedBody {
  Parameters parameters;
  std::vector<serving::RowRequest> rows = {};
};
Result<FeedBody> ParseFeedBody(const schema::Schema& schema, std::string_view body);

}  // namespace upnext::net

#endif  // UPNEXT_NET_FEED_BODY_H_
