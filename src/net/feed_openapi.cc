#include "net/feed_openapi.h"

#include <string>

#include "net/feed_body.h"
#include "net/feed_request.h"
#include "net/feed_rows.h"

namespace upnext::net {

namespace {

using FeedJson = nlohmann::ordered_json;

FeedJson RowsSchema() {
  const FeedJson count = {{"type", "integer"}, {"minimum", 1}};
  FeedJson row = {{"type", "object"}, {"additionalProperties", false}};
  FeedJson& properties = row["properties"];
  properties["scenario"] = {{"type", "string"}};
  properties["n"] = count;
  properties["because"] = {{"type", "boolean"},
                           {"description", "Items like one that the user watched lately"}};
  properties["segment"] = {{"type", "string"},
                           {"description", "The best values of this category of items, n of them"}};
  properties["items"] = count;
  return {{"type", "array"},
          {"minItems", 1},
          {"maxItems", kMaxFeedRows},
          {"items", row},
          {"description", "Several lists without a common item, in place of one"}};
}

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
      {"rows", RowsSchema()},
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
