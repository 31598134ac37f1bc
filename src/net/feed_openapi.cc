#include "net/feed_openapi.h"

#include <initializer_list>
#include <string>
#include <utility>

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

FeedJson Without(FeedJson of, std::initializer_list<const char*> keys) {
  for (const char* key : keys) of.erase(key);
  return of;
}

// Rows are slates without what the page has, and with what they are for.
FeedJson PageSchema(const FeedJson& slate) {
  const FeedJson text = {{"type", "string"}};
  FeedJson properties =
      Without(slate["properties"], {"user", "session", "bundle_version", "log_version"});
  properties["request"]["description"] = "As of a slate; absent of a row without items";
  properties["scenario"] = text;
  properties["because"] = {{"type", "object"},
                           {"required", {"item"}},
                           {"properties", {{"item", text}, {"title", text}}},
                           {"description", "What the user watched"}};
  properties["segments"] = {{"type", "array"},
                            {"description", "In place of items"},
                            {"items",
                             {{"type", "object"},
                              {"required", {"value", "items"}},
                              {"properties", {{"value", text}, {"items", properties["items"]}}}}}};
  const FeedJson row = {{"type", "object"},
                        {"required", {"notes", "degraded", "missing"}},
                        {"properties", std::move(properties)}};
  FeedJson page = {{"type", "object"}, {"required", {"bundle_version", "log_version", "rows"}}};
  for (const char* key : {"user", "session", "bundle_version", "log_version"}) {
    page["properties"][key] = slate["properties"][key];
  }
  page["properties"]["rows"] = {{"type", "array"}, {"items", row}};
  return page;
}

// Of GET /v1/requests/{id}. `asked` has the keys of a body and the attributes that were given.
FeedJson ServedSchema(const FeedJson& slate, const FeedJson& item) {
  const FeedJson text = {{"type", "string"}};
  FeedJson shown = {{"type", "object"}, {"required", {"item", "score", "position", "sources"}}};
  shown["properties"] =
      Without(item["properties"],
              {"title", "reason", "attributes", "place_by_score", "placed_by", "bias_removed"});
  shown["properties"]["position"] = {{"type", "integer"},
                                     {"description", "From 1, over the pages of a list"}};
  FeedJson served = {
      {"type", "object"},
      {"required",
       {"request", "time", "bundle_version", "log_version", "scenario", "asked", "items"}}};
  FeedJson& properties = served["properties"];
  for (const char* key : {"user", "session", "request", "bundle_version", "log_version"}) {
    properties[key] = slate["properties"][key];
  }
  properties["time"] = text;
  properties["scenario"] = text;
  properties["after"] = {{"type", "string"}, {"description", "The request of the page before"}};
  properties["asked"] = {{"type", "object"},
                         {"description", "What was asked, as in a body of postRecommendations"}};
  properties["items"] = {{"type", "array"}, {"items", std::move(shown)}};
  return served;
}

}  // namespace

void DescribeFeedAnswers(nlohmann::ordered_json* api) {
  FeedJson& schemas = (*api)["components"]["schemas"];
  schemas["Page"] = PageSchema(schemas["Slate"]);
  schemas["Served"] = ServedSchema(schemas["Slate"], schemas["Item"]);
}

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
