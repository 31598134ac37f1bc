#include "net/recommendations.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "net/feed_body.h"
#include "net/feed_request.h"
#include "net/feed_rows.h"
#include "net/item_json.h"
#include "net/parameters.h"
#include "net/problem.h"
#include "net/slate_json.h"
#include "schema/event.h"

namespace upnext::net {

namespace urls = boost::urls;
using nlohmann::json;

namespace {

constexpr double kDefaultPull = 0.3;  // of items like an item, for a user

// What the key of a page may not ask: a filter on the user, and what it leaves of a list, would tell anybody what is known of
// every user.
std::optional<HttpResponse> RefuseToPages(const Caller& caller, const Parameters& parameters) {
  if (!caller.is_public) return std::nullopt;
  for (const std::string_view name : {"explain", "filter", "boost", "return"}) {
    if (!parameters.Has(name)) continue;
    return ProblemOf(
        403, fmt::format("{}: expected a key with the role recommend, found that of a page", name));
  }
  return std::nullopt;
}

}  // namespace

Result<HttpResponse> AnswerRecommendations(serving::Service& service, const HttpRequest& request,
                                           const urls::url_view& url, const Caller& caller,
                                           const Charge& charge) {
  const auto generation = service.generation();
  const bool has_body = request.method == "POST";
  UPNEXT_ASSIGN_OR_RETURN(Parameters query, Parameters::Parse(url, {"exclude", "items"}));
  if (has_body) UPNEXT_RETURN_IF_ERROR(query.CheckAllKnown());  // it is all in the body
  FeedBody question{.parameters = std::move(query)};
  if (has_body) {
    UPNEXT_ASSIGN_OR_RETURN(question, ParseFeedBody(generation->schema(), request.body));
  }
  if (auto refused = RefuseToPages(caller, question.parameters)) return *std::move(refused);
  UPNEXT_ASSIGN_OR_RETURN(const FeedRequest asked,
                          ReadFeed(std::move(question), generation->schema()));
  // What a user watched is for nobody who has the key of a page and a name; a visitor knows his session.
  for (const serving::RowRequest& row : asked.rows) {
    if (!caller.is_public || !asked.session.empty()) break;
    if (row.kind != serving::RowRequest::Kind::kBecause) continue;
    return ProblemOf(403,
                     "because: expected a key with the role recommend, or a session, found the "
                     "key of a page and a user");
  }
  if (!asked.rows.empty()) {
    if (auto refused = charge(static_cast<uint32_t>(asked.rows.size()))) return *std::move(refused);
    return AnswerFeedRows(service, *generation, asked);
  }
  UPNEXT_ASSIGN_OR_RETURN(const serving::Slate slate,
                          service.Recommend(*generation, asked.request, asked.after));
  json body =
      SlateJson(slate, generation->engine().objective_names(), asked.request.user, asked.explain);
  AddAttributes(*generation, slate.items, asked.returned, &body["items"]);
  if (!asked.session.empty()) {
    body.erase("user");
    body["session"] = asked.session;
    if (body["missing"].erase("user") > 0) body["missing"]["session"] = {asked.session};
  }
  HttpResponse answer = JsonOf(body);
  answer.feeds.push_back(
      FeedReport::Of(slate, asked.request.scenario, generation->engine().objective_names()));
  return answer;
}

Result<HttpResponse> AnswerSimilar(serving::Service& service, const urls::url_view& url,
                                   const std::string& item, const Caller& caller) {
  UPNEXT_ASSIGN_OR_RETURN(Parameters parameters, Parameters::Parse(url));
  if (auto refused = RefuseToPages(caller, parameters)) return *std::move(refused);
  const auto generation = service.generation();
  serving::SimilarRequest request{.item = item, .filter = parameters.Text("filter")};
  UPNEXT_ASSIGN_OR_RETURN(request.n, parameters.Count("n", 20, 1, kMaxFeedItems));
  request.parameters = parameters.OfExpressions();
  UPNEXT_ASSIGN_OR_RETURN(Asker asker, ReadAsker(parameters));
  request.user = std::move(asker.user);
  UPNEXT_ASSIGN_OR_RETURN(const std::optional<double> pull, parameters.Share("pull"));
  if (pull && request.user.empty()) {
    return InvalidArgument("parameter pull: expected a user or a session too, found neither");
  }
  request.pull = pull.value_or(kDefaultPull);
  UPNEXT_ASSIGN_OR_RETURN(const auto returned,
                          AttributesOf(generation->schema(), parameters.Text("return")));
  UPNEXT_RETURN_IF_ERROR(parameters.CheckAllKnown());
  UPNEXT_ASSIGN_OR_RETURN(const auto similar, generation->Similar(request));
  json items = ItemsJson(similar, {}, /*explain=*/true);
  AddAttributes(*generation, similar, returned, &items);
  return JsonOf({{"item", item},
                 {"items", std::move(items)},
                 {"bundle_version", generation->bundle_version()},
                 {"log_version", generation->log_version()}});
}

}  // namespace upnext::net
