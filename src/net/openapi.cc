#include "net/openapi.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/url/grammar/ci_string.hpp>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "net/entities.h"
#include "net/entity_json.h"
#include "net/feed_openapi.h"
#include "net/item_json.h"
#include "net/openapi_frame.h"
#include "net/routes.h"
#include "schema/values.h"

namespace upnext::net {

namespace {

using Json = nlohmann::ordered_json;
using schema::Attribute;
using schema::Kind;

Json Described(Json value, std::string_view description) {
  value["description"] = description;
  return value;
}

Json EventProperties(const schema::Schema& schema) {
  Json types = Json::array();
  std::string values, searches;
  for (const schema::EventTypeInfo& type : schema.event_types()) {
    types.push_back(type.name);
    if (type.needs_value) {
      values +=
          fmt::format("{}{} of a {}", values.empty() ? "" : ", ", type.value_words, type.name);
    }
    if (type.role == schema::Role::kSearch) {
      searches += (searches.empty() ? "" : ", ") + type.name;
    }
  }
  Json id = SchemaOf({.name = "", .kind = Kind::kCategory});
  id["type"] = {"string", "integer"};
  Json properties = {
      {"user", Described(id, "Required, unless there is a session")},
      {"session", Described(id, "In place of the user: a visitor who has not signed in")},
      {"item", Described(id, "Required for every type but " + searches)},
      {"type", {{"type", "string"}, {"enum", types}}},
      {"value", Described(SchemaOf(schema::ValueColumn()), "Required: " + values)},
      {"time",
       {{"type", {"number", "string"}},
        {"description", "Seconds since 1970, or ISO text; default: now; not in the future"}}},
      {"request", Described(id, "The request id of the slate that showed the item")},
      {"id", Described(id, "The client's id of the event, so that a retry counts once")}};
  for (const Attribute& attribute : schema.attributes(schema::Entity::kRequest)) {
    Json& property = properties[attribute.name] = SchemaOf(attribute);
    if (attribute.kind == Kind::kCategory) property["type"] = {"string", "integer"};
    if (attribute.kind == Kind::kTime) property["type"] = {"number", "string"};
  }
  return properties;
}

Json JsonBody(const Json& schema) { return {{"application/json", {{"schema", schema}}}}; }

// Attributes of an item or a user; with `id` also its name, as in lists.
Json RowSchema(const schema::Schema& schema, schema::Entity entity, bool id, bool nullable) {
  Json properties = Json::object();
  if (id) {
    properties[WordOf(entity)] = SchemaOf({.name = "", .kind = Kind::kCategory});
    properties[WordOf(entity)]["type"] = {"string", "integer"};
  }
  for (const Attribute& attribute : schema.attributes(entity)) {
    Json& property = properties[attribute.name] = SchemaOf(attribute);
    if (attribute.kind == Kind::kTime) property["type"] = {"number", "string"};
    if (nullable) property = {{"anyOf", Json::array({property, {{"type", "null"}}})}};
  }
  Json row = {{"type", "object"}, {"additionalProperties", false}, {"properties", properties}};
  if (id) row["required"] = Json::array({WordOf(entity)});
  return row;
}

Json Versioned(Json properties) {
  Json required = Json::array();
  properties["bundle_version"] = properties["log_version"] = {{"type", "string"}};
  for (const auto& [name, property] : properties.items()) required.push_back(name);
  return {{"type", "object"}, {"required", required}, {"properties", properties}};
}

// Describes the resources of items or users.
class RowPaths {
 public:
  RowPaths(const schema::Schema& schema, schema::Entity entity, Json* api)
      : schema_(schema),
        entity_(entity),
        name_(entity == schema::Entity::kItem ? "Item" : "User"),
        words_(schema::EntityName(entity)),
        api_(*api) {
    api_["components"]["schemas"][name_ + "Row"] = RowSchema(schema, entity, true, false);
  }

  void AddOne() {
    Json& one = api_["paths"][fmt::format("/v1/{}/{{id}}", words_)];
    const Json body = Versioned({{std::string(WordOf(entity_)), {{"type", "string"}}},
                                 {"attributes", RowSchema(schema_, entity_, false, false)}});
    one["get"] = Operation(
        "get" + name_, "What is known of one",
        {{"description", "Attributes; absent ones are left out"}, {"content", JsonBody(body)}},
        {"404"});
    Json attributes = RowSchema(schema_, entity_, true, true);
    attributes.erase("required");
    one["put"] = WithBody(
        Operation("put" + name_, "Set its attributes to these and no others", Changed(), {}),
        JsonBody(attributes));
    one["patch"] =
        WithBody(Operation("patch" + name_, "Change some attributes; null takes one away",
                           Changed(), {"404"}),
                 JsonBody(attributes));
    if (entity_ == schema::Entity::kItem) {
      one["delete"] = Operation("deleteItem", "Delete an item: it is in no answer from now on",
                                Changed(), {"404", "507"});
    }
    for (auto& [method, operation] : one.items()) {
      operation["parameters"] =
          Json::array({{{"name", "id"},
                        {"in", "path"},
                        {"required", true},
                        {"schema", {{"type", "string"}, {"maxLength", 512}}}}});
    }
  }

  void AddAll() {
    Json& all = api_["paths"]["/v1/" + words_];
    const Json row = {{"$ref", fmt::format("#/components/schemas/{}Row", name_)}};
    Json list = {{"type", "array"}, {"items", row}};
    const Json page = Versioned({{words_, list}, {"next", {{"type", {"string", "null"}}}}});
    const Json pages = {{"application/json", {{"schema", page}}},
                        {"application/x-ndjson", {{"schema", row}}}};
    all["get"] = Operation(
        "list" + name_ + "s", "All of them, page by page",
        {{"description", "A page; next is null on the last one"}, {"content", pages}}, {});
    const Json number = {{"type", "integer"}, {"minimum", 1}, {"maximum", kMostListed}};
    all["get"]["parameters"] =
        Json::array({{{"name", "after"}, {"in", "query"}, {"schema", {{"type", "string"}}}},
                     {{"name", "n"}, {"in", "query"}, {"schema", number}}});
    list["maxItems"] = kMaxRows;
    const Json bodies = {{"application/json", {{"schema", list}}},
                         {"application/x-ndjson", {{"schema", row}}}};
    all["post"] = WithBody(
        Operation("post" + name_ + "s", "Set many, all or nothing", Changed(), {}), bodies);
    AddByFilter(all);
  }

 private:
  static Json Problem() { return {{"$ref", "#/components/responses/Problem"}}; }
  static Json Changed() {
    return {{"description", "On disk, and in every answer from now on"},
            {"content", JsonBody(Versioned({{"changed", {{"type", "integer"}}}}))}};
  }
  static Json Operation(const std::string& id, std::string_view summary, const Json& ok,
                        std::initializer_list<const char*> errors) {
    Json out = {{"operationId", id}, {"summary", summary}};
    out["responses"]["200"] = ok;
    for (const char* status : errors) out["responses"][status] = Problem();
    return out;
  }
  void AddByFilter(Json& all) {
    const Json done = {
        {"description", "On disk, and in every answer from now on; more: others match too"},
        {"content", JsonBody(Versioned({{"matches", {{"type", "integer"}}},
                                        {"changed", {{"type", "integer"}}},
                                        {"more", {{"type", "boolean"}}}}))}};
    Json attributes = RowSchema(schema_, entity_, false, true);
    all["patch"] =
        WithBody(Operation("patch" + name_ + "s",
                           "Change attributes of all that a condition holds for", done, {}),
                 JsonBody(attributes));
    if (entity_ == schema::Entity::kItem) {
      all["delete"] =
          Operation("deleteItems", "Delete all items that a condition holds for", done, {"507"});
    }
    const Json text = {{"type", "string"}};
    for (const char* method : {"patch", "delete"}) {
      if (!all.contains(method)) continue;
      all[method]["parameters"] = Json::array(
          {{{"name", "filter"},
            {"in", "query"},
            {"required", true},
            {"description", "A condition on their attributes (docs/guides/expressions.md)"},
            {"schema", text}},
           {{"name", "parameters"},
            {"in", "query"},
            {"description", "Values of its $NAMEs, each as parameter.NAME"},
            {"schema", {{"type", "object"}}},
            {"style", "form"},
            {"explode", true}},
           {{"name", "dry_run"},
            {"in", "query"},
            {"description", "1: count them alone"},
            {"schema", text}}});
    }
  }
  static Json WithBody(Json operation, const Json& content) {
    operation["requestBody"] = {{"required", true}, {"content", content}};
    for (const char* status : {"413", "415", "417", "501"}) {
      operation["responses"][status] = Problem();
    }
    operation["responses"]["507"] = {{"$ref", "#/components/responses/Full"}};
    return operation;
  }

  const schema::Schema& schema_;
  const schema::Entity entity_;
  const std::string name_, words_;
  Json& api_;
};

// What any request may be answered with, and which key it needs.
void AddCommon(std::string_view method, std::string_view path, Json& operation) {
  Json responses = operation["responses"];
  for (const char* status : {"400", "405", "421", "431", "500"}) {
    responses[status] = {{"$ref", "#/components/responses/Problem"}};
  }
  responses["503"] = {{"$ref", "#/components/responses/Busy"}};
  const auto line = std::ranges::find_if(Routes(), [&](const RouteInfo& one) {
    return one.path == path && boost::urls::grammar::ci_is_equal(one.method, method);
  });
  Json security = Json::array();
  if (line != Routes().end() && line->access != Access::kOpen) {
    security.push_back({{"key", Json::array()}});
    for (const char* status : {"401", "403"}) {
      responses[status] = {{"$ref", "#/components/responses/Problem"}};
    }
    responses["429"] = {{"$ref", "#/components/responses/Busy"}};
  }
  operation["responses"] = std::move(responses);
  operation["security"] = std::move(security);
}

}  // namespace

std::string OpenApi(const schema::Schema& schema) {
  Json api = Json::parse(OpenApiFrame());
  for (const schema::Entity entity : {schema::Entity::kItem, schema::Entity::kUser}) {
    RowPaths paths(schema, entity, &api);
    paths.AddOne();
    paths.AddAll();
  }
  for (auto& [path, operations] : api["paths"].items()) {
    for (auto& [method, operation] : operations.items()) AddCommon(method, path, operation);
  }
  Json& parameters = api["paths"]["/v1/recommendations"]["get"]["parameters"];
  for (const Attribute& attribute : schema.declared(schema::Entity::kRequest)) {
    parameters.push_back(
        {{"name", attribute.name}, {"in", "query"}, {"schema", SchemaOf(attribute)}});
  }
  DescribeFeedBody(&api);
  DescribeFeedAnswers(&api);
  api["components"]["schemas"]["Event"]["properties"] = EventProperties(schema);
  return api.dump(1);
}

}  // namespace upnext::net
