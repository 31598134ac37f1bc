#include "net/openapi.h"

#include <nlohmann/json.hpp>
#include <string_view>

#include "schema/values.h"

namespace upnext::net {

namespace {

using Json = nlohmann::ordered_json;
using schema::Attribute;
using schema::Kind;

// The paths, parameters and answers that are the same for every site.
constexpr std::string_view kFrame = R"json({
  "openapi": "3.1.0",
  "info": {
    "title": "upnext",
    "version": "1",
    "description": "Ranked feeds from an event log. Errors are RFC 9457 problem details."
  },
  "paths": {
    "/v1/recommendations": {
      "get": {
        "summary": "The best items for a user now, best first",
        "parameters": [
          {"name": "user", "in": "query", "required": true, "schema": {"type": "string", "maxLength": 512}},
          {"name": "n", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 20}},
          {"name": "device", "in": "query", "schema": {"type": "string"}},
          {"name": "region", "in": "query", "schema": {"type": "string"}},
          {"name": "current_item", "in": "query", "description": "The item being watched", "schema": {"type": "string"}},
          {"name": "explain", "in": "query", "description": "1: add sources, predictions and stage counts", "schema": {"type": "string", "enum": ["0", "1", "false", "true"]}}
        ],
        "responses": {
          "200": {"description": "A slate", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Slate"}}}},
          "400": {"$ref": "#/components/responses/Problem"},
          "503": {"$ref": "#/components/responses/Busy"}
        }
      }
    },
    "/v1/events": {
      "post": {
        "summary": "Tell what users did; their next request reflects it",
        "description": "All or nothing: when one event is wrong none is kept. Acknowledged events are on disk. An event whose id was seen before for its user is counted as a duplicate and not applied again.",
        "requestBody": {
          "required": true,
          "content": {"application/json": {"schema": {
            "type": "object",
            "required": ["events"],
            "properties": {"events": {"type": "array", "maxItems": 10000, "items": {"$ref": "#/components/schemas/Event"}}}
          }}}
        },
        "responses": {
          "200": {"description": "Taken", "content": {"application/json": {"schema": {
            "type": "object",
            "properties": {"accepted": {"type": "integer"}, "duplicates": {"type": "integer"}, "bundle_version": {"type": "string"}, "log_version": {"type": "string"}}
          }}}},
          "400": {"$ref": "#/components/responses/Problem"},
          "413": {"$ref": "#/components/responses/Problem"},
          "415": {"$ref": "#/components/responses/Problem"},
          "503": {"$ref": "#/components/responses/Busy"},
          "507": {"$ref": "#/components/responses/Problem"}
        }
      }
    },
    "/v1/items/{id}/similar": {
      "get": {
        "summary": "Items like an item",
        "parameters": [
          {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}},
          {"name": "n", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 20}}
        ],
        "responses": {
          "200": {"description": "Items, most alike first", "content": {"application/json": {"schema": {
            "type": "object",
            "properties": {"item": {"type": "string"}, "items": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}}, "bundle_version": {"type": "string"}, "log_version": {"type": "string"}}
          }}}},
          "404": {"$ref": "#/components/responses/Problem"},
          "503": {"$ref": "#/components/responses/Busy"}
        }
      }
    },
    "/healthz": {"get": {"summary": "The process is alive", "responses": {"200": {"description": "Alive"}}}},
    "/readyz": {"get": {"summary": "Requests are welcome; 503 while stopping", "responses": {"200": {"description": "Ready"}, "503": {"$ref": "#/components/responses/Problem"}}}},
    "/metrics": {"get": {"summary": "Prometheus metrics", "responses": {"200": {"description": "Text format 0.0.4", "content": {"text/plain": {}}}}}},
    "/openapi.json": {"get": {"summary": "This description", "responses": {"200": {"description": "OpenAPI 3.1"}}}}
  },
  "components": {
    "responses": {
      "Busy": {"description": "Too many requests wait, or the store cannot be written: try again", "headers": {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}}, "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}},
      "Problem": {"description": "What was expected, what was found", "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    },
    "schemas": {
      "Problem": {
        "type": "object",
        "properties": {"type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"}}
      },
      "Event": {
        "type": "object",
        "required": ["user", "type"],
        "additionalProperties": false,
        "properties": {}
      },
      "Item": {
        "type": "object",
        "properties": {
          "item": {"type": "string"},
          "title": {"type": "string"},
          "score": {"type": "number"},
          "reason": {"type": "string"},
          "sources": {"type": "array", "items": {"type": "object", "properties": {"source": {"type": "string"}, "score": {"type": "number"}}}},
          "predictions": {"type": "object", "additionalProperties": {"type": "number"}}
        }
      },
      "Slate": {
        "type": "object",
        "properties": {
          "user": {"type": "string"},
          "request": {"type": "string", "description": "Send it back with events about these items"},
          "bundle_version": {"type": "string", "description": "The bundle that made the answer"},
          "log_version": {"type": "string", "description": "The log that the answer was made with"},
          "items": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}},
          "notes": {"type": "array", "items": {"type": "string"}},
          "counts": {"type": "object"},
          "milliseconds": {"type": "object"}
        }
      }
    }
  }
}
)json";

Json SchemaOf(const Attribute& attribute) {
  switch (attribute.kind) {
    case Kind::kFlag:
      return {{"type", "boolean"}};
    case Kind::kTime:
      return {{"type", "number"}, {"description", "Seconds since 1970"}};
    case Kind::kNumber: {
      Json json = {{"type", attribute.whole ? "integer" : "number"}};
      const Attribute unbounded;
      if (attribute.min > unbounded.min) {
        json[attribute.above_min ? "exclusiveMinimum" : "minimum"] = attribute.min;
      }
      if (attribute.max < unbounded.max) json["maximum"] = attribute.max;
      return json;
    }
    default:
      return {{"type", "string"}, {"maxLength", attribute.max_bytes}};
  }
}

Json Described(Json json, std::string_view description) {
  json["description"] = description;
  return json;
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
  const Json id = SchemaOf({.name = "", .kind = Kind::kCategory});
  Json properties = {
      {"user", id},
      {"item", Described(id, "Required for every type but " + searches)},
      {"type", {{"type", "string"}, {"enum", types}}},
      {"value", Described(SchemaOf(schema::ValueColumn()), "Required: " + values)},
      {"time", {{"type", "number"}, {"description", "Seconds since 1970; default: now"}}},
      {"request", Described(id, "The request id of the slate that showed the item")},
      {"id", Described(id, "The client's id of the event, so that a retry counts once")}};
  for (const Attribute& attribute : schema.attributes(schema::Entity::kRequest)) {
    properties[attribute.name] = SchemaOf(attribute);
  }
  return properties;
}

}  // namespace

std::string OpenApi(const schema::Schema& schema) {
  Json api = Json::parse(kFrame);
  Json& parameters = api["paths"]["/v1/recommendations"]["get"]["parameters"];
  for (const Attribute& attribute : schema.declared(schema::Entity::kRequest)) {
    parameters.push_back(
        {{"name", attribute.name}, {"in", "query"}, {"schema", SchemaOf(attribute)}});
  }
  api["components"]["schemas"]["Event"]["properties"] = EventProperties(schema);
  return api.dump(1);
}

}  // namespace upnext::net
