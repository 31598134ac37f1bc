// Declared event types and attributes in a log: written, read, appended, compacted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/progress.h"
#include "base/section_file.h"
#include "base/test_folder.h"
#include "log/append.h"
#include "log/compact.h"
#include "log/event_log.h"
#include "log/log_format.h"
#include "log/test_log_text.h"
#include "schema/attribute.h"

namespace upnext::log {
namespace {

using schema::Entity;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

schema::Schema Shop() {
  return schema::Schema::Parse(
             "schema.events.wish = 'positive'\nschema.items.stock = 'flag'\n"
             "schema.items.price = 'number'\nschema.items.listed = 'time'\n"
             "schema.items.brand = 'category'\nschema.items.tags = 'categories'\n"
             "schema.items.maker = 'category(brand)'\nschema.items.body = 'text'\n"
             "schema.items.vector = 'vector(2)'\nschema.items.unused = 'number'\n"
             "schema.users.plan = 'category'\nschema.users.friends = 'categories(users)'\n"
             "schema.requests.page = 'category'\nschema.requests.depth = 'number'\n"
             "schema.requests.signed_in = 'flag'\nschema.requests.opened = 'time'\n")
      .value();
}

class AttributesTest : public ::testing::Test {
 protected:
  uint32_t Number(Entity entity, std::string_view name) const {
    return schema_.FindAttribute(entity, name).value();
  }
  schema::RawAttributes Of(
      Entity entity, const std::vector<std::pair<std::string_view, std::string>>& values) const {
    schema::RawAttributes attributes;
    for (const auto& [name, text] : values) attributes.emplace_back(Number(entity, name), text);
    return attributes;
  }
  schema::RawItem Lamp(std::string price) const {
    return {.item = "lamp",
            .title = "Lamp",
            .attributes = Of(Entity::kItem, {{"stock", "true"},
                                             {"price", std::move(price)},
                                             {"listed", "1700000000.25"},
                                             {"brand", "acme"},
                                             {"maker", "zeta"},
                                             {"tags", "new"},
                                             {"tags", "home"},
                                             {"tags", "new"},
                                             {"body", "A lamp.\nGreen."},
                                             {"vector", "0.5 -1"}})};
  }
  schema::RawEvent Wish(std::string user, std::string page, int64_t time_ms) const {
    return {.user = std::move(user),
            .item = "lamp",
            .time_ms = time_ms,
            .type = *schema_.FindEventType("wish"),
            .attributes = Of(Entity::kRequest, {{"page", std::move(page)}, {"depth", "2.5"}})};
  }
  EventLog Written(const std::vector<schema::RawEvent>& events,
                   const std::vector<schema::RawItem>& items,
                   const std::vector<schema::RawUser>& users) {
    const auto folder = NewFolder();
    const Status written = WriteEventLog(folder, events, items, users, 2, schema_);
    EXPECT_TRUE(written) << written.error().message;
    return EventLog::Open(folder).value();
  }
  std::filesystem::path NewFolder() {
    const auto folder = folder_ / fmt::format("log-{}", ++folders_);
    EXPECT_TRUE(base::MakeDirectories(folder));
    return folder;
  }

  const schema::Schema schema_ = Shop();
  base::TestFolder folder_;
  int folders_ = 0;
};

TEST_F(AttributesTest, EveryKindReadsBackAndAbsentOnesAreAbsent) {
  const EventLog log = Written(
      {Wish("u", "home", 5), {.user = "u", .item = "sofa", .time_ms = 6}}, {Lamp("3.5")},
      {{.user = "u",
        .attributes = Of(Entity::kUser, {{"plan", "free"}, {"friends", "v"}, {"friends", "u"}})}});
  EXPECT_EQ(log.schema(), schema_) << "the log says what it was written under";
  EXPECT_EQ(log.schema().Declarations(), schema_.Declarations());
  const uint32_t lamp = log.dictionary(schema::IdSpace::kItem).Find("lamp");
  const uint32_t sofa = log.dictionary(schema::IdSpace::kItem).Find("sofa");
  EXPECT_EQ(DeclaredText(log, Entity::kItem, lamp),
            " stock true price 3.5 listed 1700000000.250 brand acme tags new home maker zeta body "
            "A lamp.\nGreen. vector 0.5 -1");
  EXPECT_EQ(DeclaredText(log, Entity::kItem, sofa), "");
  const auto value = [&](std::string_view name) {
    return log.Value(Entity::kItem, Number(Entity::kItem, name), lamp);
  };
  EXPECT_EQ(value("stock").number, 1);
  EXPECT_EQ(value("price").number, 3.5f);
  EXPECT_EQ(value("listed").time_ms, 1'700'000'000'250);
  const schema::IdSpace brands = *schema_.FindIdSpace("brand");
  EXPECT_EQ(log.dictionary(brands).size(), 2u) << "brand and maker share their ids";
  EXPECT_EQ(value("brand").category, log.dictionary(brands).Find("acme"));
  EXPECT_THAT(log.Categories(Entity::kItem, Number(Entity::kItem, "brand"), lamp),
              ElementsAre(log.dictionary(brands).Find("acme")));
  EXPECT_THAT(log.Categories(Entity::kItem, Number(Entity::kItem, "brand"), sofa), IsEmpty());
  EXPECT_EQ(log.Text(Entity::kItem, Number(Entity::kItem, "body"), lamp), "A lamp.\nGreen.");
  EXPECT_EQ(log.Text(Entity::kItem, schema::item_attribute::kTitle, lamp), "Lamp");
  EXPECT_THAT(log.Vector(Entity::kItem, Number(Entity::kItem, "vector"), lamp),
              ElementsAre(0.5f, -1.0f));
  EXPECT_THAT(log.Vector(Entity::kItem, Number(Entity::kItem, "vector"), sofa), IsEmpty());
  EXPECT_THAT(log.Vector(Entity::kItem, Number(Entity::kItem, "price"), lamp), IsEmpty());
  EXPECT_EQ(TextOf(log, "u")[0], "5 wish lamp page home depth 2.5");
  EXPECT_EQ(TextOf(log, "u")[1], "6 impression sofa");
  EXPECT_EQ(log.stats().by_type[static_cast<size_t>(*schema_.FindEventType("wish"))], 1u);
  EXPECT_EQ(UsersOf(log)[0],
            "u region - language - age nan gender nan logged_in nan plan free "
            "friends v u");
  EXPECT_EQ(log.users(), 2u) << "an id of an attribute is a user too";
}

TEST_F(AttributesTest, AnAppendAddsRowsAndIdsAndACompactLogIsTheSame) {
  const EventLog base = Written({Wish("u", "home", 5)}, {Lamp("3.5")}, {});
  schema::RawItem lamp = Lamp("4");
  lamp.attributes = Of(Entity::kItem, {{"brand", "aaa"}, {"tags", "old"}, {"tags", "home"}});
  const std::vector<schema::RawEvent> events = {Wish("u", "aisle", 7), Wish("t", "home", 8)};
  const std::vector<schema::RawItem> items = {lamp, {.item = "rug"}};
  const auto folder = NewFolder();
  const Status appended = WriteAppendedLog(folder, base, events, items, {});
  ASSERT_TRUE(appended) << appended.error().message;
  const EventLog log = EventLog::Open(folder).value();
  EXPECT_THAT(TextOf(log),
              ElementsAre("t 8 wish lamp page home depth 2.5", "u 5 wish lamp page home depth 2.5",
                          "u 7 wish lamp page aisle depth 2.5"));
  const auto brands = log.dictionary(*schema_.FindIdSpace("brand"));
  EXPECT_EQ(brands.Find("acme"), 0u) << "ids of the base keep their numbers";
  EXPECT_EQ(brands.Find("aaa"), 2u);
  EXPECT_EQ(DeclaredText(log, Entity::kItem, log.dictionary(schema::IdSpace::kItem).Find("lamp")),
            " brand aaa tags old home")
      << "a new row of an item takes the place of the old one";
  const auto compact = NewFolder();
  ASSERT_TRUE(WriteCompactedLog(compact, log, base::NoProgress()));
  const EventLog compacted = EventLog::Open(compact).value();
  EXPECT_EQ(RowsOf(compacted), RowsOf(log));
  EXPECT_EQ(ItemsOf(compacted), ItemsOf(log));
  EXPECT_EQ(UsersOf(compacted), UsersOf(log));
  EXPECT_EQ(compacted.schema(), schema_);
}

TEST_F(AttributesTest, EventsThatDifferInAnAttributeAreNotDuplicates) {
  const EventLog log =
      Written({Wish("u", "home", 5), Wish("u", "aisle", 5), Wish("u", "home", 5)}, {}, {});
  EXPECT_EQ(log.events(), 2u);
  const auto folder = NewFolder();
  const std::vector<schema::RawEvent> events = {Wish("u", "aisle", 5), Wish("u", "cart", 5)};
  ASSERT_TRUE(WriteAppendedLog(folder, log, events, {}, {}));
  EXPECT_EQ(EventLog::Open(folder)->events(), 3u);
}

TEST_F(AttributesTest, ALogOfAnotherSchemaCannotBeAppended) {
  const EventLog base = Written({Wish("u", "home", 5)}, {}, {});
  const auto plain = NewFolder();
  const std::vector<schema::RawEvent> events = {{.user = "u", .item = "i"}};
  ASSERT_TRUE(WriteEventLog(plain, events, {}, {}));
  const EventLog part = EventLog::Open(plain).value();
  const auto joined =
      WriteJoinedLog(NewFolder(), base, part, {{false}, {false}}, base::NoProgress());
  ASSERT_FALSE(joined);
  EXPECT_THAT(joined.error().message,
              HasSubstr("the log declares `schema.events.wish = { role = \"positive\", value = "
                        "false }`, what is added does not"));
}

TEST_F(AttributesTest, RowsThatBreakARuleAreRefusedWithTheRowAndTheAttribute) {
  const auto why = [&](const std::vector<schema::RawEvent>& events,
                       const std::vector<schema::RawItem>& items) {
    const Status status = WriteEventLog(NewFolder(), events, items, {}, 1, schema_);
    return status ? "" : status.error().message;
  };
  EXPECT_EQ(why({}, {Lamp("cheap")}),
            "item 'lamp': price: expected a finite number, found 'cheap'");
  schema::RawEvent event = Wish("u", "home", 1);
  event.attributes = {{0, "tv"}};
  EXPECT_EQ(why({event}, {}), "event 0: 0 is not the number of a declared attribute");
  event.attributes = {{99, "tv"}};
  EXPECT_EQ(why({event}, {}), "event 0: 99 is not the number of a declared attribute");
}

TEST_F(AttributesTest, ColumnsThatAreLargerThanMemoryAllowsSpillAndReadBack) {
  std::vector<schema::RawItem> items;
  for (int i = 0; i < 3000; ++i) {
    items.push_back({.item = fmt::format("i{}", 10000 + i),
                     .attributes = Of(Entity::kItem,
                                      {{"body", std::string(300, static_cast<char>('a' + i % 26))},
                                       {"price", fmt::format("{}", i)}})});
  }
  const EventLog log = Written({}, items, {});
  for (uint32_t i = 0; i < 3000; ++i) {
    ASSERT_EQ(log.Text(Entity::kItem, Number(Entity::kItem, "body"), i),
              std::string(300, static_cast<char>('a' + i % 26)));
    ASSERT_EQ(log.Value(Entity::kItem, Number(Entity::kItem, "price"), i).number,
              static_cast<float>(i));
  }
}

TEST_F(AttributesTest, ALogOfAnotherVersionIsRefusedWithWhatToDo) {
  const auto folder = NewFolder();
  auto writer = base::SectionWriter::Create(folder / format::kMetaFile, format::kMetaKind,
                                            format::kVersion - 1)
                    .value();
  ASSERT_TRUE(writer.Commit());
  const auto log = EventLog::Open(folder);
  ASSERT_FALSE(log);
  EXPECT_THAT(log.error().message, HasSubstr("run `upnext import`, if there is no newer log yet"));
  EXPECT_THAT(log.error().message, HasSubstr("and then `upnext train`"))
      << "a bundle is served with this log until another is trained";
}

}  // namespace
}  // namespace upnext::log
