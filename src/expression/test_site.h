// A site with attributes of every kind, and expressions over it, for tests.
//
//   class ExpressionTest : public SiteTest {};      Holds("item.price < 10", "a")
//
// Item "a" has a value of everything, "b" of nothing, "c" others. User "u" has a region, a plan and
// brands, "v" has nothing. It is kStartMs, 2023-11-14T22:13:20Z, a Tuesday.
#ifndef UPNEXT_EXPRESSION_TEST_SITE_H_
#define UPNEXT_EXPRESSION_TEST_SITE_H_

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catalogue/test_log.h"
#include "expression/bound_expression.h"
#include "expression/expression.h"
#include "schema/schema.h"

namespace upnext::expression {

inline constexpr int64_t kDayMs = 86'400'000;

inline schema::Schema SiteSchema() {
  const auto schema = schema::Schema::Parse(
      "schema.items.stock = 'flag'\nschema.items.price = 'number'\nschema.items.ends = 'time'\n"
      "schema.items.brand = 'category'\nschema.items.tags = 'categories'\n"
      "schema.items.body = 'text'\nschema.items.vector = 'vector(2)'\n"
      "schema.users.plan = 'category'\nschema.users.brands = 'categories(brand)'\n"
      "schema.requests.page = 'category'\nschema.requests.depth = 'number'\n");
  EXPECT_TRUE(schema) << schema.error().message;
  return schema.value_or(schema::Schema());
}

inline std::vector<schema::RawItem> SiteItems(const schema::Schema& schema) {
  const auto of = [&](std::string_view name) {
    return *schema.FindAttribute(schema::Entity::kItem, name);
  };
  schema::RawItem a = catalogue::ItemOf("a", 600, "news", {"politics", "sport"});
  a.created_ms = catalogue::kStartMs - 2 * kDayMs;
  a.language = "en";
  a.title = "Alpha";
  a.attributes = {{of("stock"), "true"}, {of("price"), "9.99"}, {of("ends"), "1800000000"},
                  {of("brand"), "acme"}, {of("tags"), "s"},     {of("tags"), "t"},
                  {of("body"), "long"}};
  schema::RawItem b;
  b.item = "b";
  schema::RawItem c = catalogue::ItemOf("c", 60, "music", {"sport"});
  c.created_ms = catalogue::kStartMs - 20 * kDayMs;
  c.language = "de";
  c.attributes = {{of("stock"), "false"}, {of("price"), "20"}, {of("brand"), "zeta"}};
  return {a, b, c};
}

inline std::vector<schema::RawUser> SiteUsers(const schema::Schema& schema) {
  const auto of = [&](std::string_view name) {
    return *schema.FindAttribute(schema::Entity::kUser, name);
  };
  schema::RawUser u;
  u.user = "u";
  u.region = "de";
  u.language = "de";
  u.age = 30;
  u.attributes = {{of("plan"), "free"}, {of("brands"), "acme"}, {of("brands"), "other"}};
  schema::RawUser v;
  v.user = "v";
  return {u, v};
}

class SiteTest : public testing::Test {
 protected:
  Result<BoundExpression> Bound(std::string_view text, Use use, const Arguments& arguments) const {
    Checked<Expression> compiled = Expression::Compile(text, schema_, use);
    if (!compiled) return ErrorOf(compiled.error(), "test");
    const auto& names = log_.catalogue();
    const std::vector<schema::AttributeValue> attributes = {
        {.category = names.Find(*schema_.FindIdSpace("page"), page_)}, {.number = depth_}};
    return BoundExpression::Bind(*compiled,
                                 {.catalogue = names,
                                  .now_ms = catalogue::kStartMs,
                                  .user = names.Find(schema::IdSpace::kUser, user_),
                                  .device = names.Find(schema::IdSpace::kDevice, device_),
                                  .region = names.Find(schema::IdSpace::kRegion, region_),
                                  .current_item = names.Find(schema::IdSpace::kItem, current_item_),
                                  .attributes = attributes},
                                 arguments);
  }
  bool Holds(std::string_view text, std::string_view item = "a",
             const Arguments& arguments = {}) const {
    const Result<BoundExpression> bound = Bound(text, Use::kCondition, arguments);
    if (!bound) ADD_FAILURE() << text << ": " << bound.error().message;
    return bound && bound->Holds(log_.item(item));
  }
  // -1 when it is missing.
  double Number(std::string_view text, std::string_view item = "a",
                const Arguments& arguments = {}) const {
    const Result<BoundExpression> bound = Bound(text, Use::kNumber, arguments);
    if (!bound) ADD_FAILURE() << text << ": " << bound.error().message;
    return bound ? bound->Number(log_.item(item)).value_or(-1) : -2;
  }
  // What is wrong with a condition.
  std::string Wrong(std::string_view text, const Arguments& arguments = {}) const {
    const Result<BoundExpression> bound = Bound(text, Use::kCondition, arguments);
    return bound ? std::string() : bound.error().message;
  }

  const schema::Schema schema_ = SiteSchema();
  const catalogue::TestLog log_{
      {{.user = "u", .item = "a", .time_ms = catalogue::kStartMs, .device = "tv", .region = "de"}},
      SiteItems(schema_),
      SiteUsers(schema_),
      schema_};
  std::string user_ = "u", device_ = "tv", region_, current_item_, page_;
  float depth_ = schema::kAbsent;
};

}  // namespace upnext::expression

#endif  // UPNEXT_EXPRESSION_TEST_SITE_H_
