#include "net/entity_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "schema/schema.h"
#include "schema/values.h"

namespace upnext::net {
namespace {

using schema::Entity;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

const schema::Schema& ShopOfRows() {
  static const schema::Schema schema =
      schema::Schema::Parse(
          "schema.items.price = 'number'\nschema.items.brand = 'category'\n"
          "schema.items.in_stock = 'flag'\nschema.items.vector = 'vector(2)'\n"
          "schema.users.plan = 'category'\n")
          .value();
  return schema;
}

uint32_t Number(std::string_view name, Entity entity = Entity::kItem) {
  return ShopOfRows().FindAttribute(entity, name).value();
}

std::string ErrorOf(std::string_view body, std::string_view name = "a") {
  const auto row = ParseRow(ShopOfRows(), Entity::kItem, name, body);
  EXPECT_FALSE(row) << body;
  EXPECT_TRUE(row || row.error().code == Code::kInvalidArgument);
  return row ? "" : row.error().message;
}

TEST(EntityJson, ValuesAreThoseOfTheSchemaAsText) {
  const auto row = ParseRow(ShopOfRows(), Entity::kItem, "a",
                            R"({"price": 9.5, "brand": 17, "in_stock": true, "vector": [1, 2.5],
                               "topics": ["x", "y"], "created": "2024-01-01", "title": "A \"B\"",
                               "removed": false, "channel": null, "language": ""})");
  ASSERT_TRUE(row) << row.error().message;
  EXPECT_EQ(row->row.name, "a");
  EXPECT_THAT(row->row.attributes,
              ElementsAre(Pair(Number("created"), "1704067200.000"), Pair(Number("topics"), "x"),
                          Pair(Number("topics"), "y"), Pair(Number("title"), "A \"B\""),
                          Pair(Number("removed"), "false"), Pair(Number("price"), "9.5"),
                          Pair(Number("brand"), "17"), Pair(Number("in_stock"), "true"),
                          Pair(Number("vector"), "1 2.5")));
  EXPECT_THAT(row->mentioned, testing::IsSupersetOf({Number("channel"), Number("language")}));
  EXPECT_TRUE(schema::CheckEntity(ShopOfRows(), Entity::kItem, row->row));
}

TEST(EntityJson, AUserHasAttributesOfUsers) {
  const auto row =
      ParseRow(ShopOfRows(), Entity::kUser, "u", R"({"user": "u", "plan": "pro", "age": 7})");
  ASSERT_TRUE(row) << row.error().message;
  EXPECT_THAT(row->row.attributes, ElementsAre(Pair(Number("age", Entity::kUser), "7"),
                                               Pair(Number("plan", Entity::kUser), "pro")));
}

TEST(EntityJson, ErrorsNameTheKeyAndWhatWasExpected) {
  EXPECT_THAT(ErrorOf("[1]"), HasSubstr("expected an object, found an array"));
  EXPECT_THAT(ErrorOf("{"), HasSubstr("the body: expected JSON"));
  EXPECT_THAT(ErrorOf(R"({"price": "9"})"), HasSubstr("price: expected a number, found a string"));
  EXPECT_THAT(ErrorOf(R"({"prize": 9})"),
              AllOf(HasSubstr("prize: there is no such key; did you mean 'price'"),
                    HasSubstr("[schema.items] prize = \"number\"")));
  EXPECT_THAT(ErrorOf(R"({"price": 9, "price": 8})"), HasSubstr("price: the key is given twice"));
  EXPECT_THAT(ErrorOf(R"({"item": "b"})"), HasSubstr("item: expected 'a', as in the path, found"));
  EXPECT_THAT(ErrorOf(R"({"item": "b", "item": "a"})"), HasSubstr("item: the key is given twice"));
  EXPECT_THAT(ErrorOf(R"({"vector": [1]})"), HasSubstr("vector: expected a list of 2"));
  EXPECT_THAT(ErrorOf(R"({"vector": []})"), HasSubstr("vector: expected a list of 2"));
  EXPECT_THAT(ErrorOf(R"({"vector": [1, "2"]})"), HasSubstr("vector: expected a number"));
  EXPECT_THAT(ErrorOf(R"({"vector": [1, 1e300]})"), HasSubstr("vector: "));
  EXPECT_THAT(ErrorOf(R"({"topics": "x"})"), HasSubstr("topics: expected a list of ids"));
  EXPECT_THAT(ErrorOf(R"({"topics": ["a\tb"]})"), HasSubstr("topics: expected an id without"));
  EXPECT_THAT(ErrorOf(R"({"duration": -1})"), HasSubstr("duration: expected a finite number of"));
  EXPECT_THAT(ErrorOf(R"({"created": 1e12})"), HasSubstr("created: "));
  EXPECT_THAT(ErrorOf("{}", std::string(600, 'x')), HasSubstr("item: expected at most 512 bytes"));
}

TEST(EntityJson, LinesAndArraysAreBatches) {
  const auto names = [](std::string_view body, BodyFormat format) {
    const auto rows = ParseRows(ShopOfRows(), Entity::kItem, body, format);
    EXPECT_TRUE(rows) << rows.error().message;
    std::vector<std::string> found;
    if (rows) {
      for (const ParsedRow& row : *rows) found.push_back(row.row.name);
    }
    return found;
  };
  EXPECT_THAT(names("{\"item\": \"a\"}\r\n\n{\"item\": 7, \"price\": 1}", BodyFormat::kLines),
              ElementsAre("a", "7"));
  EXPECT_THAT(names("", BodyFormat::kLines), IsEmpty());
  EXPECT_THAT(names(R"([{"item": "a"}, {"item": "b"}])", BodyFormat::kJson), ElementsAre("a", "b"));
  EXPECT_THAT(names("[]", BodyFormat::kJson), IsEmpty());
}

TEST(EntityJson, ErrorsOfBatchesNameTheLineOrElement) {
  const auto error = [](std::string_view body, BodyFormat format) {
    const auto rows = ParseRows(ShopOfRows(), Entity::kItem, body, format);
    EXPECT_FALSE(rows) << body;
    return rows ? "" : rows.error().message;
  };
  EXPECT_THAT(error("{\"item\": \"a\"}\n\n{\"item\": \"b\", \"price\": true}", BodyFormat::kLines),
              HasSubstr("line 3: price: expected a number"));
  EXPECT_THAT(error("{\"item\": \"a\"}\n{\"item\": \"b\"", BodyFormat::kLines),
              HasSubstr("line 2: expected JSON"));
  EXPECT_THAT(error("{\"price\": 1}", BodyFormat::kLines),
              HasSubstr("line 1: item: expected an id, found none"));
  EXPECT_THAT(error(R"([{"item": "a"}, {"item": "b", "x": 1}])", BodyFormat::kJson),
              HasSubstr("items[1]: x: there is no such key"));
  EXPECT_THAT(error(R"({"item": "a"})", BodyFormat::kJson), HasSubstr("expected an array"));
  std::string many;
  for (size_t i = 0; i <= kMaxRows; ++i) many += "{\"item\": \"a\"}\n";
  EXPECT_THAT(error(many, BodyFormat::kLines), HasSubstr("expected at most 10000 lines"));
}

}  // namespace
}  // namespace upnext::net
