#include "net/openapi.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "net/event_json.h"
#include "schema/schema.h"

namespace upnext::net {
namespace {

using nlohmann::json;

json EventOf(const schema::Schema& schema) {
  return json::parse(OpenApi(schema))["components"]["schemas"]["Event"]["properties"];
}

TEST(OpenApi, DescribesTypesAndAttributesOfTheSite) {
  const schema::Schema schema =
      schema::Schema::Parse(
          "schema.events.wish = 'positive'\nschema.events.voice = 'search'\n"
          "schema.events.dwell = 'strength'\nschema.requests.page = 'category'\n"
          "schema.requests.depth = 'number'\nschema.requests.signed_in = 'flag'\n"
          "schema.requests.opened = 'time'\n")
          .value();
  const json event = EventOf(schema);
  EXPECT_THAT(event["type"]["enum"].get<std::vector<std::string>>(),
              testing::IsSupersetOf({"click", "wish", "voice"}));
  EXPECT_EQ(event["item"]["description"], "Required for every type but search, voice");
  EXPECT_EQ(event["value"]["description"],
            "Required: watched seconds of a watch, stars of a rating, number of a dwell");
  EXPECT_EQ(event["page"]["type"], json({"string", "integer"}));
  EXPECT_EQ(event["depth"], json({{"type", "number"}}));
  EXPECT_EQ(event["signed_in"]["type"], "boolean");
  EXPECT_EQ(event["opened"]["type"], json({"number", "string"}));
  std::vector<std::string> parameters;
  const json api = json::parse(OpenApi(schema));
  for (const json& parameter : api["paths"]["/v1/recommendations"]["get"]["parameters"]) {
    parameters.push_back(parameter["name"]);
  }
  EXPECT_THAT(parameters, testing::IsSupersetOf({"user", "page", "depth", "signed_in", "opened"}));
}

TEST(OpenApi, BoundsAreThoseThatEventsAreHeldTo) {
  const json event = EventOf({});
  EXPECT_EQ(event["position"], json({{"type", "integer"}, {"minimum", 1.0}, {"maximum", 65535.0}}));
  EXPECT_EQ(event["propensity"]["exclusiveMinimum"], 0);
  EXPECT_EQ(event["propensity"]["maximum"], 1);
  EXPECT_EQ(event["value"]["maximum"], 1e9);
  EXPECT_EQ(event["user"]["maxLength"], kMaxIdBytes);
}

// What generators of clients rely on.
TEST(OpenApi, OperationsHaveNamesAndTheirErrorsAndSchemasTheirRequiredFields) {
  const json api = json::parse(OpenApi({}));
  std::set<std::string> names;
  for (const auto& [path, operations] : api["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) {
      EXPECT_TRUE(names.insert(operation["operationId"].get<std::string>()).second) << path;
      for (const char* status : {"200", "400", "405", "421", "431", "500", "503"}) {
        EXPECT_TRUE(operation["responses"].contains(status)) << path << status;
      }
      for (const auto& [status, response] : operation["responses"].items()) {
        if (!response.contains("$ref")) continue;
        const std::string ref = response["$ref"];
        EXPECT_TRUE(api.contains(json::json_pointer(ref.substr(1)))) << ref;
      }
    }
  }
  EXPECT_EQ(names.size(), 21u);
  for (const char* status : {"413", "415", "417", "501", "507"}) {
    EXPECT_TRUE(api["paths"]["/v1/events"]["post"]["responses"].contains(status)) << status;
  }
  for (const auto& [name, schema] : api["components"]["schemas"].items()) {
    ASSERT_FALSE(schema["required"].empty()) << name;
    for (const json& field : schema["required"]) {
      EXPECT_TRUE(schema["properties"].contains(field)) << name << field;
    }
  }
}

}  // namespace
}  // namespace upnext::net
