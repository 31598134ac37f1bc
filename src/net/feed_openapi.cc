#include "net/feed_openapi.h"

#include <string>

#include "net/feed_body.h"
#include "net/feed_request.h"

namespace upnext::net {

namespace {

using FeedJson = nlohmann::ordered_json;

// What a body has in another form than a query, and what it alone has.
FeedJson BodyForms() {
  const FeedJson ids = {{"type", "array"},
                        {"maxItems", kMaxFeedIds},
                        {"items", {{"type", FeedJson::array({"string", "integer"})}}}};
  FeedJson ranked = ids;
  ranked["minItems"] = 1;
  ranked["maxItems"] = kMaxFeedItems;
  return {
      {"exclude", ids},
      {"items", ranked},
      {"return", {{"type", "array"}, {"items", {{"type", "string"}}}}},
      {"explain", {{"type", "boolean"}}},
      {"parameters",
       {{"type", "object"},
        {"description",
         "Values of the $NAMEs in filter and boost and in those of the project file; a list for "
         "a list"}}},
      {"weights",
       {{"type", "object"},
        {"additionalProperties", {{"type", "number"}}},
        {"description", "Another form of score: the exponent of each objective"}}}};
}

}  // namespace

void DescribeFeedBody(nlohmann::ordered_json* api) {
  FeedJson& path = (*api)["paths"]["/v1/recommendations"];
  FeedJson properties = FeedJson::object();
  for (const FeedJson& parameter : path["get"]["parameters"]) {
    FeedJson& property = properties[parameter["name"].get<std::string>()];
    property = parameter["schema"];
    if (parameter.contains("description")) property["description"] = parameter["description"];
  }
  const FeedJson forms = BodyForms();
  for (const auto& [name, form] : forms.items()) properties[name] = form;
  path["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"] =
      std::move(properties);
}

}  // namespace upnext::net
