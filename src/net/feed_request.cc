#include "net/feed_request.h"

#include <utility>

#include "net/item_json.h"
#include "schema/values.h"

namespace upnext::net {
namespace {

// One thing under several names, of which one may be given.
Result<std::string> TextOfOne(Parameters& parameters,
                              std::initializer_list<std::string_view> names) {
  std::string text;
  std::string_view given;
  for (const std::string_view name : names) {
    std::string one = parameters.Text(name);
    if (one.empty()) continue;
    if (!given.empty()) {
      return InvalidArgument("parameter {} is another name of {}, which is given too", name, given);
    }
    given = name;
    text = std::move(one);
  }
  return text;
}

}  // namespace

Result<FeedRequest> ReadFeed(Parameters parameters, const schema::Schema& schema) {
  FeedRequest asked;
  serving::Request& request = asked.request;
  request.user = parameters.Text("user");
  request.device = parameters.Text("device");
  request.region = parameters.Text("region");
  UPNEXT_ASSIGN_OR_RETURN(request.current_item,
                          TextOfOne(parameters, {"current_item", "watching", "seed"}));
  UPNEXT_ASSIGN_OR_RETURN(request.attributes, parameters.Attributes(schema));
  UPNEXT_ASSIGN_OR_RETURN(request.n, parameters.Count("n", 20, 1, kMaxFeedItems));
  UPNEXT_ASSIGN_OR_RETURN(request.offset, parameters.Count("offset", 0, 0, kMaxFeedItems - 1));
  request.exclude = parameters.Texts("exclude");
  request.scenario = parameters.Text("scenario");
  asked.after = parameters.Text("after");
  request.score = parameters.TextIfGiven("score");
  request.filter = parameters.Text("filter");
  request.boost = parameters.Text("boost");
  request.parameters = parameters.OfExpressions();
  UPNEXT_ASSIGN_OR_RETURN(asked.returned, AttributesOf(schema, parameters.Text("return")));
  UPNEXT_ASSIGN_OR_RETURN(asked.explain, parameters.Flag("explain"));
  asked.request.explain = asked.explain;
  UPNEXT_RETURN_IF_ERROR(parameters.CheckAllKnown());
  if (request.user.empty()) {
    return InvalidArgument("parameter user: expected a user id, found none");
  }
  if (Status valid = schema::CheckId(request.user); !valid) {
    return WithContext(std::move(valid).error(), "parameter user");
  }
  if (request.last() > kMaxFeedItems) {
    return InvalidArgument("parameters n and offset: expected at most {} in all, found {}",
                           kMaxFeedItems, request.last());
  }
  return asked;
}

}  // namespace upnext::net
