#include "net/openapi_frame.h"

namespace upnext::net {

namespace {

constexpr std::string_view kFrame = R"json({
  "openapi": "3.1.0",
  "info": {
    "title": "upnext",
    "version": "1",
    "description": "Ranked feeds from an event log. Errors are RFC 9457 problem details. Web pages of the origins in [server] allow_origins may call /v1/recommendations, /v1/events and /v1/items/{id}/similar, without credentials (CORS)."
  },
  "paths": {
    "/v1/recommendations": {
      "get": {
        "operationId": "getRecommendations",
        "summary": "The best items for a user now, best first",
        "parameters": [
          {"name": "user", "in": "query", "description": "Required, unless there is a session", "schema": {"type": "string", "maxLength": 512}},
          {"name": "session", "in": "query", "description": "In place of the user: a visitor who has not signed in", "schema": {"type": "string", "maxLength": 504}},
          {"name": "items", "in": "query", "description": "Rank these items and no others; repeated for each, at most 1000. n is then their number", "schema": {"type": "array", "items": {"type": "string"}}, "style": "form", "explode": true},
          {"name": "n", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 20}},
          {"name": "device", "in": "query", "schema": {"type": "string"}},
          {"name": "region", "in": "query", "schema": {"type": "string"}},
          {"name": "current_item", "in": "query", "description": "The item being watched; watching is another name of it", "schema": {"type": "string"}},
          {"name": "offset", "in": "query", "description": "How many of the best items to leave out: those of earlier pages. n and offset are at most 1000 together", "schema": {"type": "integer", "minimum": 0, "maximum": 999, "default": 0}},
          {"name": "exclude", "in": "query", "description": "Items to leave out; repeated for each", "schema": {"type": "array", "items": {"type": "string"}}, "style": "form", "explode": true},
          {"name": "scenario", "in": "query", "description": "A [scenario.NAME] of the project file", "schema": {"type": "string"}},
          {"name": "after", "in": "query", "description": "The request id of the page before: the next page, without its items; 404 when it is too old", "schema": {"type": "string"}},
          {"name": "score", "in": "query", "description": "Exponents of the score for this request in place of the project file's: NAME:EXPONENT for objectives of the ranker, separated by commas; the others get 0. From -100 to 100", "schema": {"type": "string", "minLength": 1}, "example": "watch:1,dismiss:-0.5"},
          {"name": "filter", "in": "query", "description": "A condition that every item must meet, in the expression language (docs/guides/expressions.md)", "schema": {"type": "string", "maxLength": 4000}, "example": "item.duration < 10 minutes and item.channel in $channels"},
          {"name": "boost", "in": "query", "description": "A number of each item by which its score is multiplied, in the same language", "schema": {"type": "string", "maxLength": 4000}, "example": "if(now - item.created < 1 day, 2, 1)"},
          {"name": "parameters", "in": "query", "description": "Values of the $NAMEs in filter and boost and in those of the project file, each as parameter.NAME; repeated for each value of a list", "schema": {"type": "object", "additionalProperties": false, "patternProperties": {"^parameter\\.": {"type": "string"}}}, "style": "form", "explode": true},
          {"name": "return", "in": "query", "description": "Attributes of items, separated by commas, that the answer gives with each item", "schema": {"type": "string"}, "example": "title,channel"},
          {"name": "explain", "in": "query", "description": "1: add sources, predictions, boosts and stage counts", "schema": {"type": "string", "enum": ["0", "1", "false", "true"]}}
        ],
        "responses": {
          "200": {"description": "A slate", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Slate"}}}},
          "404": {"$ref": "#/components/responses/Problem"}
        }
      },
      "post": {
        "operationId": "postRecommendations",
        "summary": "The same, asked with a body",
        "description": "With rows the answer is a page, whose rows are lists of their own; else it is a slate.",
        "requestBody": {"required": true, "content": {"application/json": {"schema": {"type": "object", "additionalProperties": false, "properties": {}}}}},
        "responses": {
          "200": {"description": "A slate, or with rows a page", "content": {"application/json": {"schema": {"oneOf": [{"$ref": "#/components/schemas/Slate"}, {"$ref": "#/components/schemas/Page"}]}}}},
          "404": {"$ref": "#/components/responses/Problem"},
          "413": {"$ref": "#/components/responses/Problem"},
          "415": {"$ref": "#/components/responses/Problem"},
          "417": {"$ref": "#/components/responses/Problem"},
          "501": {"$ref": "#/components/responses/Problem"}
        }
      }
    },
    "/v1/events": {
      "post": {
        "operationId": "postEvents",
        "summary": "Tell what users did; their next request reflects it",
        "description": "All or nothing: when one event is wrong none is kept. Acknowledged events are on disk. An event whose id was seen before for its user is counted as a duplicate and not applied again.",
        "requestBody": {
          "required": true,
          "content": {"application/json": {"schema": {"oneOf": [
            {
              "type": "object",
              "required": ["events"],
              "properties": {"events": {"type": "array", "maxItems": 10000, "items": {"$ref": "#/components/schemas/Event"}}}
            },
            {"$ref": "#/components/schemas/Event"}
          ]}}, "application/x-ndjson": {"schema": {"$ref": "#/components/schemas/Event"}}}
        },
        "responses": {
          "200": {"description": "Taken", "content": {"application/json": {"schema": {
            "type": "object",
            "required": ["accepted", "duplicates", "bundle_version", "log_version"],
            "properties": {"accepted": {"type": "integer"}, "duplicates": {"type": "integer"}, "bundle_version": {"type": "string"}, "log_version": {"type": "string"}}
          }}}},
          "413": {"$ref": "#/components/responses/Problem"},
          "415": {"$ref": "#/components/responses/Problem"},
          "417": {"$ref": "#/components/responses/Problem"},
          "501": {"$ref": "#/components/responses/Problem"},
          "507": {"$ref": "#/components/responses/Full"}
        }
      }
    },
    "/v1/items/{id}/similar": {
      "get": {
        "operationId": "getSimilarItems",
        "summary": "Items like an item",
        "parameters": [
          {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}},
          {"name": "filter", "in": "query", "description": "A condition that every item must meet, in the expression language (docs/guides/expressions.md)", "schema": {"type": "string", "maxLength": 4000}, "example": "item.duration < 10 minutes and item.channel in $channels"},
          {"name": "parameters", "in": "query", "description": "Values of the $NAMEs in filter and boost and in those of the project file, each as parameter.NAME; repeated for each value of a list", "schema": {"type": "object", "additionalProperties": false, "patternProperties": {"^parameter\\.": {"type": "string"}}}, "style": "form", "explode": true},
          {"name": "return", "in": "query", "description": "Attributes of items, separated by commas, that the answer gives with each item", "schema": {"type": "string"}, "example": "title,channel"},
          {"name": "user", "in": "query", "description": "Leave out what this user has seen or was against, and pull the order towards the user's", "schema": {"type": "string", "maxLength": 512}},
          {"name": "session", "in": "query", "description": "In place of the user", "schema": {"type": "string", "maxLength": 504}},
          {"name": "pull", "in": "query", "description": "How far, with a user: 0 for items alike alone, 1 for the order that a feed would have them in", "schema": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.3}},
          {"name": "n", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 20}}
        ],
        "responses": {
          "200": {"description": "Items, most alike first", "content": {"application/json": {"schema": {
            "type": "object",
            "required": ["item", "items", "bundle_version", "log_version"],
            "properties": {"item": {"type": "string"}, "items": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}}, "bundle_version": {"type": "string"}, "log_version": {"type": "string"}}
          }}}},
          "404": {"$ref": "#/components/responses/Problem"}
        }
      }
    },
    "/v1/users/{id}": {
      "delete": {
        "operationId": "deleteUser",
        "summary": "Forget a user",
        "description": "At once the user has no history and no stored event; the next import takes the user out of the log. May be repeated.",
        "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string", "maxLength": 512}}],
        "responses": {
          "200": {"description": "Forgotten", "content": {"application/json": {"schema": {
            "type": "object",
            "required": ["user", "forgotten"],
            "properties": {"user": {"type": "string"}, "forgotten": {"type": "boolean"}}
          }}}},
          "507": {"$ref": "#/components/responses/Problem"}
        }
      }
    },
    "/v1/users/{id}/merge": {
      "post": {
        "operationId": "mergeSession",
        "summary": "Make what a session did the history of a user",
        "description": "The session is forgotten. May be repeated.",
        "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string", "maxLength": 512}}],
        "requestBody": {"required": true, "content": {"application/json": {"schema": {"type": "object", "required": ["session"], "additionalProperties": false, "properties": {"session": {"type": ["string", "integer"], "maxLength": 504}}}}}},
        "responses": {
          "200": {"description": "On disk, and in every answer from now on", "content": {"application/json": {"schema": {
            "type": "object",
            "required": ["user", "session", "merged", "bundle_version", "log_version"],
            "properties": {"user": {"type": "string"}, "session": {"type": "string"}, "merged": {"type": "integer", "description": "Events that the user got"}, "bundle_version": {"type": "string"}, "log_version": {"type": "string"}}
          }}}},
          "413": {"$ref": "#/components/responses/Problem"},
          "415": {"$ref": "#/components/responses/Problem"},
          "417": {"$ref": "#/components/responses/Problem"},
          "501": {"$ref": "#/components/responses/Problem"},
          "507": {"$ref": "#/components/responses/Full"}
        }
      }
    },
    "/v1/users/{id}/history": {
      "get": {
        "operationId": "getHistory",
        "summary": "What a user did, newest first",
        "parameters": [
          {"name": "id", "in": "path", "required": true, "schema": {"type": "string", "maxLength": 512}},
          {"name": "n", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}},
          {"name": "before", "in": "query", "description": "next of the answer before; or seconds since 1970, or ISO text", "schema": {"type": "string"}}
        ],
        "responses": {
          "200": {"description": "A page; next is null on the last one", "content": {"application/json": {"schema": {
            "type": "object",
            "required": ["user", "events", "next", "bundle_version", "log_version"],
            "properties": {"user": {"type": "string"}, "events": {"type": "array", "items": {"type": "object", "description": "With the keys of an Event; time is ISO text"}}, "next": {"type": ["string", "null"]}, "bundle_version": {"type": "string"}, "log_version": {"type": "string"}}
          }}}}
        }
      }
    },
    "/healthz": {"get": {"operationId": "getHealth", "summary": "The process is alive", "responses": {"200": {"description": "Alive"}}}},
    "/readyz": {"get": {"operationId": "getReadiness", "summary": "Requests are welcome; 503 while stopping", "responses": {"200": {"description": "Ready; names the versions served, since when, and why newer ones are not; with a reason while events cannot be stored", "content": {"application/json": {"schema": {"type": "object", "required": ["status", "bundle_version", "log_version", "since", "take_ups", "failed_take_ups"], "properties": {"status": {"type": "string"}, "bundle_version": {"type": "string"}, "log_version": {"type": "string"}, "since": {"type": "string"}, "take_ups": {"type": "integer"}, "failed_take_ups": {"type": "integer"}, "not_taken_up": {"type": "string"}, "note": {"type": "string"}, "reason": {"type": "string"}}}}}}}}},
    "/metrics": {"get": {"operationId": "getMetrics", "summary": "Prometheus metrics", "responses": {"200": {"description": "Text format 0.0.4", "content": {"text/plain": {}}}}}},
    "/v1/status": {"get": {"operationId": "getStatus", "summary": "Versions, steps of upnext run, sizes on disk, counts", "responses": {"200": {"description": "The same as the page /status", "content": {"application/json": {"schema": {"type": "object", "required": ["now", "started", "bundle_version", "log_version", "since", "requests", "events", "steps", "bytes"], "properties": {"now": {"type": "string"}, "started": {"type": "string"}, "bundle_version": {"type": "string"}, "log_version": {"type": "string"}, "since": {"type": "string"}, "take_ups": {"type": "integer"}, "failed_take_ups": {"type": "integer"}, "not_taken_up": {"type": "string"}, "note": {"type": "string"}, "requests": {"type": "integer"}, "failed_requests": {"type": "integer"}, "events": {"type": "integer"}, "duplicates": {"type": "integer"}, "items": {"type": "integer"}, "users": {"type": "integer"}, "steps": {"type": "array", "items": {"$ref": "#/components/schemas/Step"}}, "bytes": {"type": "object", "additionalProperties": {"type": "integer"}}, "memory": {"type": "object", "description": "Bytes by what they are for; process: all that is resident", "additionalProperties": {"type": "integer"}}}}}}}}}},
    "/status": {"get": {"operationId": "getStatusPage", "summary": "A page for people", "responses": {"200": {"description": "HTML without scripts", "content": {"text/html": {}}}}}},
    "/llms.txt": {"get": {"operationId": "getGuideIndex", "summary": "What upnext is and where its guides are, for assistants", "responses": {"200": {"description": "In the form of llmstxt.org", "content": {"text/plain": {}}}}}},
    "/guides/{id}": {"get": {"operationId": "getGuide", "summary": "A guide of this version", "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}, "example": "http_api.md"}], "responses": {"200": {"description": "Markdown", "content": {"text/markdown": {}}}, "404": {"$ref": "#/components/responses/Problem"}}}},
    "/v1/requests/{id}": {"get": {"operationId": "getServed", "summary": "What was answered under a request id", "description": "From the log of slates, as long as it keeps the answer.", "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}], "responses": {"200": {"description": "The answer of then", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Served"}}}}, "404": {"$ref": "#/components/responses/Problem"}}}},
    "/v1/config": {"get": {"operationId": "getConfig", "summary": "Every value in use and where it comes from", "responses": {"200": {"description": "Values that may hold a secret are hidden", "content": {"application/json": {"schema": {"type": "object", "required": ["values"], "properties": {"values": {"type": "array", "items": {"type": "object", "required": ["key", "value", "origin"], "properties": {"key": {"type": "string"}, "value": {"type": "string", "description": "As TOML"}, "origin": {"type": "string", "description": "FILE:LINE, default, a flag or a variable of the environment"}}}}}}}}}, "404": {"$ref": "#/components/responses/Problem"}}}},
    "/v1/bundles": {"get": {"operationId": "getBundles", "summary": "The published bundles, oldest first", "responses": {"200": {"description": "Which is current, which is served, and which could be", "content": {"application/json": {"schema": {"type": "object", "required": ["bundles", "changes"], "properties": {"changes": {"type": "array", "description": "Of which is current, the newest last", "items": {"type": "object", "required": ["time", "to", "by"], "properties": {"time": {"type": "string"}, "to": {"type": "string"}, "from": {"type": "string", "description": "Absent for the first bundle"}, "by": {"type": "string", "description": "training, publish or roll back"}}}}, "bundles": {"type": "array", "items": {"type": "object", "required": ["bundle", "current", "served", "can_be_current"], "properties": {"bundle": {"type": "string"}, "created": {"type": "string", "description": "Absent, as log, forced and figures, of one that cannot be read"}, "log": {"type": "string"}, "current": {"type": "boolean"}, "served": {"type": "boolean"}, "forced": {"type": "boolean"}, "can_be_current": {"type": "boolean"}, "reason": {"type": "string"}, "figures": {"type": "object", "additionalProperties": {"type": "number"}}}}}}}}}}, "404": {"$ref": "#/components/responses/Problem"}}}},
    "/v1/reload": {"post": {"operationId": "reload", "summary": "Take up new versions of bundle and log now", "description": "Answers when they are served, or with the reason why not.", "responses": {"200": {"$ref": "#/components/responses/TakenUp"}, "404": {"$ref": "#/components/responses/Problem"}, "409": {"$ref": "#/components/responses/Problem"}, "415": {"$ref": "#/components/responses/Problem"}}}},
    "/v1/rollback": {"post": {"operationId": "rollBack", "summary": "Make an earlier bundle the current one and serve it", "requestBody": {"required": false, "content": {"application/json": {"schema": {"type": "object", "additionalProperties": false, "properties": {"bundle": {"type": "string", "description": "Default: the one before the current one"}}}}}}, "responses": {"200": {"$ref": "#/components/responses/TakenUp"}, "404": {"$ref": "#/components/responses/Problem"}, "409": {"$ref": "#/components/responses/Problem"}, "415": {"$ref": "#/components/responses/Problem"}}}},
    "/v1/backup": {"post": {"operationId": "backUp", "summary": "Write a backup while the server runs", "description": "Every event that was acknowledged before the call is in it. The folder [server] backups of the project file says where it is written.", "requestBody": {"required": true, "content": {"application/json": {"schema": {"type": "object", "required": ["to"], "additionalProperties": false, "properties": {"to": {"type": "string", "maxLength": 100, "pattern": "^[A-Za-z0-9_-][A-Za-z0-9_.-]*$", "description": "The name of a new folder"}}}}}}, "responses": {"200": {"description": "The backup is complete", "content": {"application/json": {"schema": {"type": "object", "required": ["to", "bundle_version", "log_version", "files", "bytes"], "properties": {"to": {"type": "string"}, "bundle_version": {"type": "string"}, "log_version": {"type": "string"}, "files": {"type": "integer"}, "bytes": {"type": "integer"}}}}}}, "404": {"$ref": "#/components/responses/Problem"}, "409": {"$ref": "#/components/responses/Problem"}, "415": {"$ref": "#/components/responses/Problem"}, "507": {"$ref": "#/components/responses/Full"}}}},
    "/openapi.json": {"get": {"operationId": "getDescription", "summary": "This description", "responses": {"200": {"description": "OpenAPI 3.1"}}}}
  },
  "components": {
    "securitySchemes": {
      "key": {"type": "http", "scheme": "bearer", "description": "A key of `upnext keys add` with the role of the operation"}
    },
    "responses": {
      "Busy": {"description": "Too many connections, requests or bytes at the same time, the store cannot be written, or the server is stopping: try again", "headers": {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}}, "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}},
      "Full": {"description": "The disk is full: events are taken again when there is room", "headers": {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}}, "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}},
      "TakenUp": {"description": "What is served now", "content": {"application/json": {"schema": {"type": "object", "required": ["bundle_version", "log_version", "since", "changed"], "properties": {"bundle_version": {"type": "string"}, "log_version": {"type": "string"}, "since": {"type": "string"}, "note": {"type": "string"}, "changed": {"type": "boolean", "description": "Whether the call changed it"}}}}}},
      "Problem": {"description": "What was expected, what was found", "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    },
    "schemas": {
      "Problem": {
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {"type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"}}
      },
      "Event": {
        "type": "object",
        "required": ["type"],
        "oneOf": [{"required": ["user"]}, {"required": ["session"]}],
        "additionalProperties": false,
        "properties": {}
      },
      "Step": {
        "type": "object",
        "required": ["name", "schedule", "running", "outcome", "failures", "output"],
        "properties": {
          "name": {"type": "string"},
          "schedule": {"type": "string"},
          "running": {"type": "boolean"},
          "last_start": {"type": ["string", "null"]},
          "last_end": {"type": ["string", "null"]},
          "seconds": {"type": ["number", "null"]},
          "outcome": {"type": "string", "description": "ok, or what happened in the last run; empty before it"},
          "failures": {"type": "integer", "description": "Without a success in between"},
          "next": {"type": ["string", "null"]},
          "note": {"type": "string"},
          "output": {"type": "array", "items": {"type": "string"}, "description": "The last lines"}
        }
      },
      "Item": {
        "type": "object",
        "required": ["item", "score", "reason"],
        "properties": {
          "item": {"type": "string"},
          "title": {"type": "string"},
          "score": {"type": "number"},
          "reason": {"type": "string"},
          "source": {"type": "string", "description": "The generator that proposed it, to be sent back with its impression"},
          "source_score": {"type": "number", "description": "The score that this generator gave it, likewise"},
          "propensity": {"type": "number", "description": "With which it got its place, of a scenario that explores; likewise"},
          "sources": {"type": "array", "items": {"type": "object", "required": ["source", "score"], "properties": {"source": {"type": "string"}, "score": {"type": "number"}, "from": {"type": "string"}}}},
          "predictions": {"type": "object", "additionalProperties": {"type": "number"}},
          "boost": {"type": "number", "description": "What the score was multiplied by"},
          "rotated": {"type": "number", "description": "Likewise, because the user was served the item a short time ago"},
          "lowered": {"type": "number", "description": "Likewise, because the user did not want others like it"},
          "bias_removed": {"type": "object", "additionalProperties": {"type": "number"}, "description": "By objective, the logit that the ranker learned for this place and leaves out"},
          "place_by_score": {"type": "integer", "description": "From 1, before the rules of the scenario"},
          "placed_by": {"enum": ["score", "pin", "fresh", "at_most", "diversity", "exploration"]},
          "attributes": {"type": "object", "description": "Those that return names; absent ones are left out"}
        }
      },
      "Slate": {
        "type": "object",
        "required": ["request", "bundle_version", "log_version", "items", "notes", "degraded", "missing"],
        "properties": {
          "user": {"type": "string", "description": "Absent for a session"},
          "session": {"type": "string"},
          "request": {"type": "string", "description": "Send it back with events about these items"},
          "bundle_version": {"type": "string", "description": "The bundle that made the answer"},
          "log_version": {"type": "string", "description": "The log that the answer was made with"},
          "items": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}},
          "notes": {"type": "array", "items": {"type": "string"}},
          "degraded": {"type": "array", "description": "Stages that were late or failed", "items": {"type": "object", "required": ["stage", "reason"], "properties": {"stage": {"type": "string"}, "source": {"type": "string"}, "reason": {"type": "string"}}}},
          "missing": {"type": "object", "description": "Names of the request that are not known, by parameter", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
          "cold_start": {"type": "object", "description": "Of explained answers to users with little history: the policy of the scenario that holds for them", "required": ["fewer_than", "history"], "properties": {"fewer_than": {"type": "integer"}, "history": {"type": "integer"}}},
          "counts": {"type": "object"},
          "milliseconds": {"type": "object"},
          "stages": {"type": "array", "items": {"type": "object", "required": ["stage", "ms", "in", "out"], "properties": {"stage": {"type": "string"}, "ms": {"type": "number"}, "in": {"type": "integer"}, "out": {"type": "integer"}, "left_ms": {"type": "number"}}}},
          "generators": {"type": "array", "items": {"type": "object", "required": ["source", "ms", "proposed"], "properties": {"source": {"type": "string"}, "ms": {"type": "number"}, "proposed": {"type": "integer"}}}},
          "exponents": {"type": "object", "additionalProperties": {"type": "number"}},
          "dropped": {"type": "array", "items": {"type": "object", "required": ["item", "reason"], "properties": {"item": {"type": "string"}, "reason": {"type": "string"}, "score": {"type": "number"}}}}
        }
      }
    }
  }
}
)json";

}  // namespace

std::string_view OpenApiFrame() { return kFrame; }

}  // namespace upnext::net
