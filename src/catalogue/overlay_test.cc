// Attributes that are posted after the log was made.
#include "catalogue/overlay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "catalogue/catalogue.h"
#include "catalogue/entity_attributes.h"
#include "catalogue/test_log.h"

namespace upnext::catalogue {
namespace {

using schema::Entity;
using schema::IdSpace;
using testing::ElementsAre;
using testing::Pair;

schema::Schema Shop() {
  return schema::Schema::Parse(
             "schema.items.price = 'number'\nschema.items.brand = 'category'\n"
             "schema.items.vector = 'vector(2)'\nschema.users.plan = 'category'\n")
      .value();
}

class PostedTest : public testing::Test {
 protected:
  uint32_t Number(Entity entity, std::string_view name) const {
    return log_.catalogue().schema().FindAttribute(entity, name).value();
  }
  bool Set(Entity entity, uint32_t id, uint64_t sequence, const schema::RawAttributes& attributes,
           bool deleted = false) const {
    return log_.catalogue().Set(entity, id, {sequence, deleted, attributes});
  }
  const TestLog log_{{Watch("u", "a", kStartMs, 10), Watch("u", "b", Minutes(1), 10)},
                     {ItemOf("a", 60, "c", {"x", "y"})},
                     {},
                     Shop()};
  Catalogue& catalogue_ = log_.catalogue();
};

TEST_F(PostedTest, AttributesTakeThePlaceOfAllThatTheLogHas) {
  using namespace schema::item_attribute;
  const uint32_t a = log_.item("a"), b = log_.item("b");
  const schema::Attribute& brand =
      catalogue_.schema().attributes(Entity::kItem)[Number(Entity::kItem, "brand")];
  const uint32_t maker = log_.Add(brand.space, "acme");
  EXPECT_TRUE(Set(Entity::kItem, a, 1,
                  {{kCreated, "5.000"},
                   {kTopics, "y"},
                   {kTopics, "y"},
                   {kTopics, "no such topic"},
                   {kTitle, "New"},
                   {Number(Entity::kItem, "price"), "9.5"},
                   {Number(Entity::kItem, "brand"), "acme"},
                   {Number(Entity::kItem, "vector"), "1 2"}}));
  const schema::Item item = catalogue_.item(a);
  EXPECT_EQ(item.created_ms, 5'000);
  EXPECT_TRUE(std::isnan(item.duration_s)) << "the log's";
  EXPECT_EQ(item.channel, schema::kNone);
  EXPECT_THAT(item.topics, ElementsAre(log_.Id(IdSpace::kTopic, "y")));
  EXPECT_EQ(item.title, "New");
  EXPECT_FALSE(item.removed);
  EXPECT_EQ(catalogue_.Value(Entity::kItem, Number(Entity::kItem, "price"), a).number, 9.5f);
  EXPECT_EQ(catalogue_.Value(Entity::kItem, Number(Entity::kItem, "brand"), a).category, maker);
  EXPECT_THAT(catalogue_.Categories(Entity::kItem, Number(Entity::kItem, "brand"), a),
              ElementsAre(maker));
  EXPECT_THAT(catalogue_.Vector(Entity::kItem, Number(Entity::kItem, "vector"), a),
              ElementsAre(1, 2));
  EXPECT_EQ(catalogue_.Text(Entity::kItem, kTitle, a), "New");
  EXPECT_EQ(catalogue_.item(b).created_ms, schema::kNoTime) << "another item";
  EXPECT_TRUE(catalogue_.IsPosted(Entity::kItem, a));
  EXPECT_FALSE(catalogue_.IsPosted(Entity::kItem, b));
  EXPECT_THAT(AttributesOf(catalogue_, Entity::kItem, a),
              testing::Contains(Pair(uint32_t{kTitle}, "New")));
}

TEST_F(PostedTest, AnItemAndAUserAfterTheLogHaveAttributesToo) {
  const uint32_t item = log_.Add(IdSpace::kItem, "later"), user = log_.Add(IdSpace::kUser, "v");
  Set(Entity::kItem, item, 1, {{schema::item_attribute::kDuration, "30"}});
  Set(Entity::kUser, user, 2, {{schema::user_attribute::kAge, "44"}});
  EXPECT_EQ(catalogue_.item(item).duration_s, 30);
  EXPECT_EQ(catalogue_.user(user).age, 44);
  EXPECT_TRUE(std::isnan(catalogue_.user(log_.Id(IdSpace::kUser, "u")).age));
}

TEST_F(PostedTest, ALaterChangeStays) {
  using schema::item_attribute::kTitle;
  const uint32_t a = log_.item("a");
  EXPECT_TRUE(Set(Entity::kItem, a, 7, {{kTitle, "seven"}}));
  EXPECT_FALSE(Set(Entity::kItem, a, 6, {{kTitle, "six"}}));
  EXPECT_FALSE(Set(Entity::kItem, a, 7, {{kTitle, "again"}}));
  EXPECT_EQ(catalogue_.item(a).title, "seven");
  EXPECT_TRUE(Set(Entity::kItem, a, 8, {{kTitle, "eight"}}));
  EXPECT_EQ(catalogue_.item(a).title, "eight");
}

TEST_F(PostedTest, WhatIsDeletedIsNeitherThereNorShown) {
  const uint32_t a = log_.item("a"), later = log_.Add(IdSpace::kItem, "later");
  ASSERT_EQ(catalogue_.present(Entity::kItem), 3u);
  Set(Entity::kItem, a, 1, {}, /*deleted=*/true);
  Set(Entity::kItem, later, 2, {});
  EXPECT_TRUE(catalogue_.item(a).removed);
  EXPECT_EQ(catalogue_.present(Entity::kItem), 2u);
  EXPECT_FALSE(FindEntity(catalogue_, Entity::kItem, "a"));
  EXPECT_TRUE(FindEntity(catalogue_, Entity::kItem, "later"));
  Set(Entity::kItem, a, 3, {});
  EXPECT_FALSE(catalogue_.item(a).removed);
  EXPECT_EQ(catalogue_.present(Entity::kItem), 3u);
  Set(Entity::kItem, a, 4, {{schema::item_attribute::kRemoved, "true"}});
  EXPECT_TRUE(catalogue_.item(a).removed);
  EXPECT_EQ(catalogue_.present(Entity::kItem), 3u) << "an item that is not shown";
}

TEST(Overlay, KeepsRowsOfAnyIdsApart) {
  Overlay overlay;
  EXPECT_EQ(overlay.Find(0), nullptr);
  for (const uint32_t id : {0u, 65'535u, 65'536u, 4'000'000'000u}) {
    auto row = std::make_unique<OverlayRow>();
    row->sequence = id + uint64_t{1};
    EXPECT_TRUE(overlay.Set(id, std::move(row)));
  }
  for (const uint32_t id : {0u, 65'535u, 65'536u, 4'000'000'000u}) {
    ASSERT_NE(overlay.Find(id), nullptr) << id;
    EXPECT_EQ(overlay.Find(id)->sequence, id + uint64_t{1});
  }
  EXPECT_EQ(overlay.Find(1), nullptr);
  EXPECT_EQ(overlay.Find(4'000'000'001u), nullptr);
  EXPECT_EQ(overlay.end(), 4'000'000'001u);
}

// Under tsan: readers see whole rows, and sequence numbers that only grow.
TEST_F(PostedTest, IsReadWhileItIsWritten) {
  using schema::item_attribute::kTitle;
  const uint32_t a = log_.item("a");
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> wrong{0};
  std::vector<std::thread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&] {
      size_t last = 0;
      while (!stop) {
        const schema::Item item = catalogue_.item(a);
        const size_t size = item.title.size();
        if (size < last || item.title != std::string(size, 'x')) ++wrong;
        last = size;
      }
    });
  }
  Set(Entity::kItem, a, 1, {{kTitle, ""}});
  for (uint64_t n = 2; n < 500; ++n) {
    Set(Entity::kItem, a, n, {{kTitle, std::string(n, 'x')}});
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace upnext::catalogue
