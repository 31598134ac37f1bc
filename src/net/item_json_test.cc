#include "net/item_json.h"

#include <gtest/gtest.h>

#include "catalogue/entity_attributes.h"
#include "catalogue/test_log.h"
#include "schema/schema.h"

namespace upnext::net {
namespace {

constexpr auto kItem = schema::Entity::kItem;

schema::Schema ShopSchema() {
  return schema::Schema::Parse(
             "schema.items.price = 'number'\nschema.items.brand = 'category'\n"
             "schema.items.tags = 'categories'\nschema.items.in_stock = 'flag'\n"
             "schema.items.arrived = 'time'\nschema.items.body = 'text'\n"
             "schema.items.vector = 'vector(2)'\n")
      .value();
}

schema::RawAttributes Declared(const schema::Schema& schema,
                               const std::vector<std::pair<const char*, const char*>>& values) {
  schema::RawAttributes out;
  for (const auto& [name, text] : values)
    out.emplace_back(*schema.FindAttribute(kItem, name), text);
  return out;
}

// From what an import reads to what a client reads.
TEST(ItemJson, EveryKindComesBackAsItWasGiven) {
  const schema::Schema schema = ShopSchema();
  const catalogue::TestLog log({},
                               {{.item = "mug",
                                 .created_ms = 1'700'000'000'500,
                                 .channel = "kitchen",
                                 .title = "A mug",
                                 .topics = {"cups", "gifts"},
                                 .attributes = Declared(schema, {{"price", "19.99"},
                                                                 {"brand", "Acme"},
                                                                 {"tags", "red"},
                                                                 {"tags", "big"},
                                                                 {"in_stock", "false"},
                                                                 {"arrived", "1700000000.000"},
                                                                 {"body", "Holds tea."},
                                                                 {"vector", "0.5 -1"}})}},
                               {}, schema);
  const uint32_t item = catalogue::FindEntity(log.catalogue(), kItem, "mug").value();
  EXPECT_EQ(AttributesJson(schema, kItem, catalogue::AttributesOf(log.catalogue(), kItem, item)),
            nlohmann::ordered_json::parse(R"({
              "created": 1700000000.5, "channel": "kitchen", "topics": ["cups", "gifts"],
              "title": "A mug", "removed": false, "price": 19.99, "brand": "Acme",
              "tags": ["red", "big"], "in_stock": false, "arrived": 1700000000.0,
              "body": "Holds tea.", "vector": [0.5, -1.0]})"));
}

TEST(ItemJson, SchemasDescribeEveryKind) {
  const schema::Schema schema = ShopSchema();
  const auto of = [&](const char* name) {
    return SchemaOf(schema.attributes(kItem)[*schema.FindAttribute(kItem, name)]);
  };
  EXPECT_EQ(of("price")["type"], "number");
  EXPECT_EQ(of("brand")["type"], "string");
  EXPECT_EQ(of("tags")["items"]["type"], "string");
  EXPECT_EQ(of("in_stock")["type"], "boolean");
  EXPECT_EQ(of("vector")["minItems"], 2);
}

}  // namespace
}  // namespace upnext::net
