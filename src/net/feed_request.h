// What is asked of /v1/recommendations, read from the parameters of a query or of a body.
//
//   UPNEXT_ASSIGN_OR_RETURN(const FeedRequest asked, ReadFeed(std::move(body), schema));
//
// Pure functions. Errors are kInvalidArgument and name the parameter.
#ifndef UPNEXT_NET_FEED_REQUEST_H_
#define UPNEXT_NET_FEED_REQUEST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "net/feed_body.h"
#include "net/parameters.h"
#include "schema/schema.h"
#include "serving/slate.h"

namespace upnext::net {

inline constexpr uint32_t kMaxFeedItems = 1000;  // in one list

// Who asks: the parameter user, or session in place of it.
struct Asker {
  std::string user = {};     // also of a session (serving/session.h); "" when neither is given
  std::string session = {};  // "" for a user
};
Result<Asker> ReadAsker(Parameters& parameters);

struct FeedRequest {
  serving::Request request;
  std::string session = {};             // whose the request is, "" for a user
  std::string after = {};               // the request of the page before, "" for the first
  std::vector<uint32_t> returned = {};  // attributes of items
  bool explain = false;
  std::vector<serving::RowRequest> rows = {};  // of a body alone; none: one list
};
Result<FeedRequest> ReadFeed(FeedBody body, const schema::Schema& schema);

}  // namespace upnext::net

#endif  // UPNEXT_NET_FEED_REQUEST_H_
