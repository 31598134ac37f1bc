#include "net/recommendations.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "net/item_json.h"
#include "net/parameters.h"
#include "net/problem.h"
#include "net/slate_json.h"
#include "schema/values.h"

namespace upnext::net {

namespace urls = boost::urls;
using nlohmann::json;

namespace {

constexpr uint32_t kMaxItems = 1000;  // in one list

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

Result<HttpResponse> AnswerRecommendations(serving::Service& service, const urls::url_view& url,
                                           const Caller& caller) {
  UPNEXT_ASSIGN_OR_RETURN(Parameters parameters, Parameters::Parse(url, "exclude"));
  if (auto refused = RefuseToPages(caller, parameters)) return *std::move(refused);
  const auto generation = service.generation();
  serving::Request request;
  request.user = parameters.Text("user");
  request.device = parameters.Text("device");
  request.region = parameters.Text("region");
  request.current_item = parameters.Text("current_item");
  const std::string old_name = parameters.Text("seed");
  if (!request.current_item.empty() && !old_name.empty()) {
    return InvalidArgument("parameter seed is the old name of current_item, which is given too");
  }
  if (request.current_item.empty()) request.current_item = old_name;
  UPNEXT_ASSIGN_OR_RETURN(request.attributes, parameters.Attributes(generation->schema()));
  UPNEXT_ASSIGN_OR_RETURN(request.n, parameters.Count("n", 20, 1, kMaxItems));
  UPNEXT_ASSIGN_OR_RETURN(request.offset, parameters.Count("offset", 0, 0, kMaxItems - 1));
  request.exclude = parameters.Texts("exclude");
  request.scenario = parameters.Text("scenario");
  const std::string after = parameters.Text("after");
  request.score = parameters.TextIfGiven("score");
  request.filter = parameters.Text("filter");
  request.boost = parameters.Text("boost");
  request.parameters = parameters.OfExpressions();
  UPNEXT_ASSIGN_OR_RETURN(const auto returned,
                          AttributesOf(generation->schema(), parameters.Text("return")));
  UPNEXT_ASSIGN_OR_RETURN(const bool explain, parameters.Flag("explain"));
  request.explain = explain;
  UPNEXT_RETURN_IF_ERROR(parameters.CheckAllKnown());
  if (request.user.empty())
    return InvalidArgument("parameter user: expected a user id, found none");
  if (Status valid = schema::CheckId(request.user); !valid) {
    return WithContext(std::move(valid).error(), "parameter user");
  }
  if (request.last() > kMaxItems) {
    return InvalidArgument("parameters n and offset: expected at most {} in all, found {}",
                           kMaxItems, request.last());
  }
  UPNEXT_ASSIGN_OR_RETURN(const serving::Slate slate,
                          service.Recommend(*generation, request, after));
  json body = SlateJson(slate, generation->engine().objective_names(), request.user, explain);
  AddAttributes(*generation, slate.items, returned, &body["items"]);
  return JsonOf(body);
}

Result<HttpResponse> AnswerSimilar(serving::Service& service, const urls::url_view& url,
                                   const std::string& item, const Caller& caller) {
  UPNEXT_ASSIGN_OR_RETURN(Parameters parameters, Parameters::Parse(url));
  if (auto refused = RefuseToPages(caller, parameters)) return *std::move(refused);
  const auto generation = service.generation();
  serving::SimilarRequest request{.item = item, .filter = parameters.Text("filter")};
  UPNEXT_ASSIGN_OR_RETURN(request.n, parameters.Count("n", 20, 1, kMaxItems));
  request.parameters = parameters.OfExpressions();
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
