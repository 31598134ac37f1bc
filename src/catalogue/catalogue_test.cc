#include "catalogue/catalogue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "catalogue/request_attributes.h"
#include "catalogue/test_log.h"

namespace upnext::catalogue {
namespace {

using schema::IdSpace;

TestLog TwoItems() {
  schema::RawUser user;
  user.user = "u";
  user.age = 30;
  return TestLog({Watch("u", "a", kStartMs, 10), Watch("u", "b", Minutes(1), 10)},
                 {ItemOf("a", 60, "c", {"x", "y"})}, {user});
}

TEST(Catalogue, AddedNamesAreFoundBesideThoseOfTheLog) {
  const TestLog log = TwoItems();
  Catalogue& catalogue = log.catalogue();
  EXPECT_EQ(catalogue.Find(IdSpace::kItem, "z"), schema::kNone);
  catalogue.Add(IdSpace::kItem, "z", 2);
  catalogue.Add(IdSpace::kItem, "y", 3);
  EXPECT_EQ(catalogue.Find(IdSpace::kItem, "z"), 2u);
  EXPECT_EQ(catalogue.Find(IdSpace::kItem, "y"), 3u);
  EXPECT_EQ(catalogue.Find(IdSpace::kUser, "z"), schema::kNone) << "id spaces are apart";
  EXPECT_EQ(catalogue.size(IdSpace::kItem), 4u);
  EXPECT_EQ(catalogue.Name(IdSpace::kItem, 2), "z");
  EXPECT_EQ(catalogue.Name(IdSpace::kItem, log.item("a")), "a");
  EXPECT_EQ(catalogue.Name(IdSpace::kItem, 4), "");
  EXPECT_EQ(catalogue.Name(IdSpace::kItem, schema::kNone), "");
}

TEST(Catalogue, AddKeepsTheIdsOfTheLogAndOfNamesThatAreThere) {
  const TestLog log = TwoItems();
  Catalogue& catalogue = log.catalogue();
  catalogue.Add(IdSpace::kItem, "z", 2);
  catalogue.Add(IdSpace::kItem, "z", 5);
  catalogue.Add(IdSpace::kItem, "other", log.item("a"));
  catalogue.Add(IdSpace::kItem, "other", schema::kNone);
  EXPECT_EQ(catalogue.Find(IdSpace::kItem, "z"), 2u);
  EXPECT_EQ(catalogue.Find(IdSpace::kItem, "other"), schema::kNone);
  EXPECT_EQ(catalogue.Name(IdSpace::kItem, log.item("a")), "a");
  EXPECT_EQ(catalogue.size(IdSpace::kItem), 3u);
}

TEST(Catalogue, IdsMayArriveInAnyOrder) {
  const TestLog log = TwoItems();
  Catalogue& catalogue = log.catalogue();
  catalogue.Add(IdSpace::kItem, "late", 5);
  EXPECT_EQ(catalogue.size(IdSpace::kItem), 6u);
  EXPECT_EQ(catalogue.Name(IdSpace::kItem, 3), "") << "not added yet";
  catalogue.Add(IdSpace::kItem, "early", 3);
  EXPECT_EQ(catalogue.Name(IdSpace::kItem, 3), "early");
  EXPECT_EQ(catalogue.Find(IdSpace::kItem, "late"), 5u);
}

TEST(Catalogue, AttributesOfUnknownIdsAreAbsent) {
  const TestLog log = TwoItems();
  const schema::Item known = log.catalogue().item(log.item("a"));
  EXPECT_EQ(known.duration_s, 60);
  EXPECT_EQ(known.topics.size(), 2u);
  log.catalogue().Add(IdSpace::kItem, "z", 2);
  for (const uint32_t id : {2u, schema::kNone}) {
    const schema::Item item = log.catalogue().item(id);
    EXPECT_TRUE(std::isnan(item.duration_s));
    EXPECT_EQ(item.channel, schema::kNone);
    EXPECT_TRUE(item.topics.empty());
  }
  EXPECT_EQ(log.catalogue().user(0).age, 30);
  EXPECT_TRUE(std::isnan(log.catalogue().user(7).age));
}

TEST(Catalogue, AttributesAreReadByTheirNumberBuiltInOrDeclared) {
  const schema::Schema schema =
      schema::Schema::Parse(
          "schema.items.price = 'number'\nschema.items.brand = 'category'\n"
          "schema.items.vector = 'vector(2)'\nschema.users.plan = 'category'\n")
          .value();
  const auto number = [&](schema::Entity entity, std::string_view name) {
    return schema.FindAttribute(entity, name).value();
  };
  using enum schema::Entity;
  schema::RawItem item = ItemOf("a", 60, "c", {"x", "y"});
  item.title = "A";
  item.attributes = {{number(kItem, "price"), "2.5"},
                     {number(kItem, "brand"), "acme"},
                     {number(kItem, "vector"), "1 2"}};
  const schema::RawUser user = {.user = "u", .attributes = {{number(kUser, "plan"), "free"}}};
  const TestLog log({Watch("u", "a", kStartMs, 10)}, {item}, {user}, schema);
  const Catalogue& catalogue = log.catalogue();
  EXPECT_EQ(catalogue.schema(), schema);
  const uint32_t a = log.item("a"), fresh = catalogue.size(IdSpace::kItem);
  log.catalogue().Add(IdSpace::kItem, "z", fresh);
  EXPECT_EQ(catalogue.Value(kItem, schema::item_attribute::kDuration, a).number, 60);
  EXPECT_EQ(catalogue.Value(kItem, number(kItem, "price"), a).number, 2.5f);
  EXPECT_EQ(catalogue.Value(kItem, schema::item_attribute::kRemoved, a).number, 0);
  EXPECT_EQ(catalogue.Categories(kItem, schema::item_attribute::kTopics, a).size(), 2u);
  EXPECT_EQ(catalogue.Text(kItem, schema::item_attribute::kTitle, a), "A");
  EXPECT_EQ(catalogue.Vector(kItem, number(kItem, "vector"), a).size(), 2u);
  const IdSpace plan = *schema.FindIdSpace("plan");
  EXPECT_EQ(catalogue.Name(plan, catalogue.Value(kUser, number(kUser, "plan"), 0).category),
            "free");
  log.catalogue().Add(plan, "pro", 1);
  EXPECT_EQ(catalogue.Find(plan, "pro"), 1u) << "names are added to declared spaces too";
  for (const uint32_t id : {fresh, schema::kNone}) {
    EXPECT_TRUE(std::isnan(catalogue.Value(kItem, number(kItem, "price"), id).number));
    EXPECT_EQ(catalogue.Value(kItem, number(kItem, "brand"), id).category, schema::kNone);
    EXPECT_TRUE(catalogue.Categories(kItem, number(kItem, "brand"), id).empty());
    EXPECT_EQ(catalogue.Text(kItem, schema::item_attribute::kTitle, id), "");
    EXPECT_TRUE(catalogue.Vector(kItem, number(kItem, "vector"), id).empty());
  }
}

TEST(RequestAttributes, AreNumberedInTheOrderOfTheSchema) {
  const schema::Schema schema =
      schema::Schema::Parse(
          "schema.requests.page = 'category'\nschema.requests.depth = 'number'\n"
          "schema.requests.opened = 'time'\nschema.requests.fresh = 'flag'\n")
          .value();
  const auto of = [&](std::string_view name) {
    return *schema.FindAttribute(schema::Entity::kRequest, name);
  };
  schema::RawEvent event = Watch("u", "a", kStartMs, 10);
  event.attributes = {{of("page"), "home"}};
  const TestLog log({event}, {}, {}, schema);
  const auto values = RequestAttributes(
      log.catalogue(),
      {{of("fresh"), "true"}, {of("opened"), "3.5"}, {of("page"), "home"}, {of("depth"), "2"}});
  ASSERT_EQ(values.size(), 4u);
  EXPECT_EQ(values[0].category, log.Id(*schema.FindIdSpace("page"), "home"));
  EXPECT_EQ(values[1].number, 2);
  EXPECT_EQ(values[2].time_ms, 3500);
  EXPECT_EQ(values[3].number, 1);
  const schema::RawAttributes raw = RawRequestAttributes(log.catalogue(), values);
  EXPECT_EQ(raw.size(), 4u);
  const auto again = RequestAttributes(log.catalogue(), raw);
  EXPECT_EQ(again[0].category, values[0].category);
  EXPECT_EQ(again[1].number, 2);
  EXPECT_EQ(again[2].time_ms, 3500);
  EXPECT_EQ(again[3].number, 1);
  EXPECT_TRUE(
      RawRequestAttributes(log.catalogue(), RequestAttributes(log.catalogue(), {})).empty());
  EXPECT_EQ(RequestAttributes(log.catalogue(), {{of("page"), "new"}})[0].category, schema::kNone);
  EXPECT_TRUE(std::isnan(RequestAttributes(log.catalogue(), {})[1].number));
}

TEST(Catalogue, ReadersAndWritersRunTogether) {
  const TestLog log = TwoItems();
  Catalogue& catalogue = log.catalogue();
  constexpr uint32_t kNames = 500;
  std::atomic<uint32_t> wrong = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (uint32_t i = 0; i < kNames; ++i) {
        const std::string name = Numbered("n", i);
        const uint32_t id = 2 + i;
        catalogue.Add(IdSpace::kItem, name, id);
        if (catalogue.Find(IdSpace::kItem, name) != id) ++wrong;
        if (catalogue.Name(IdSpace::kItem, id) != name) ++wrong;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(catalogue.size(IdSpace::kItem), 2 + kNames);
}

}  // namespace
}  // namespace upnext::catalogue
