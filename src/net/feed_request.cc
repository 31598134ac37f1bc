#include "net/feed_request.h"

#include <utility>

#include "net/item_json.h"
#include "serving/session.h"

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

Result<Asker> ReadAsker(Parameters& parameters) {
  Asker asker{.user = parameters.Text("user"), .session = parameters.Text("session")};
  if (!asker.session.empty() && !asker.user.empty()) {
    return InvalidArgument("parameters user and session: expected one of them, found both");
  }
  if (!asker.session.empty()) {
    UPNEXT_ASSIGN_OR_RETURN(asker.user, serving::UserOfSession(asker.session));
    return asker;
  }
  if (Status valid = serving::CheckUser(asker.user); !valid) {
    return WithContext(std::move(valid).error(), "parameter user");
  }
  return asker;
}

Result<FeedRequest> ReadFeed(FeedBody body, const schema::Schema& schema) {
  Parameters& parameters = body.parameters;
  FeedRequest asked{.request = {}, .rows = std::move(body.rows)};
  for (const char* of_a_list : {"n", "offset", "after", "items", "scenario"}) {
    if (asked.rows.empty() || !parameters.Has(of_a_list)) continue;
    return InvalidArgument("parameter {}: expected none with rows, which have their own",
                           of_a_list);
  }
  serving::Request& request = asked.request;
  UPNEXT_ASSIGN_OR_RETURN(Asker asker, ReadAsker(parameters));
  request.user = std::move(asker.user);
  asked.session = std::move(asker.session);
  request.device = parameters.Text("device");
  request.region = parameters.Text("region");
  UPNEXT_ASSIGN_OR_RETURN(request.current_item,
                          TextOfOne(parameters, {"current_item", "watching", "seed"}));
  UPNEXT_ASSIGN_OR_RETURN(request.attributes, parameters.Attributes(schema));
  request.items = parameters.Texts("items");
  if (request.items.size() > kMaxFeedItems) {
    return InvalidArgument("parameter items: expected at most {} ids to rank, found {}",
                           kMaxFeedItems, request.items.size());
  }
  request.keeps_seen = !request.items.empty();
  const auto all = static_cast<uint32_t>(request.items.size());
  UPNEXT_ASSIGN_OR_RETURN(request.n, parameters.Count("n", all > 0 ? all : 20, 1, kMaxFeedItems));
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
  if (request.last() > kMaxFeedItems) {
    return InvalidArgument("parameters n and offset: expected at most {} in all, found {}",
                           kMaxFeedItems, request.last());
  }
  return asked;
}

}  // namespace upnext::net
