#include "schema/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/config.h"

namespace upnext::schema {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Schema Declared(std::string_view toml) {
  const auto config = base::Config::Parse(toml, "upnext.toml");
  EXPECT_TRUE(config) << config.error().message;
  Schema schema = Schema::FromConfig(config->Table("schema"));
  const Status status = config->Check();
  EXPECT_TRUE(status) << status.error().message;
  return schema;
}

// The first mistake of a [schema].
std::string Refusal(std::string_view toml) {
  const auto config = base::Config::Parse(toml, "upnext.toml");
  EXPECT_TRUE(config) << config.error().message;
  Schema::FromConfig(config->Table("schema"));
  const Status status = config->Check();
  EXPECT_FALSE(status) << toml;
  return status ? "" : status.error().message;
}

constexpr std::string_view kShop = R"toml(
[schema.events]
wish = "positive"
stars = { role = "strength" }
opinion = { role = "strength", value = false }
dwell = { role = "context", value = true }
voice_search = "search"
[schema.items]
price = "number"
brand = "category"
maker = "category(brand)"
tags = "categories"
related = "categories(items)"
in_stock = "flag"
listed = "time"
body = "text"
vector = "vector(384)"
[schema.users]
plan = "category"
[schema.requests]
page = "category"
hour = "number"
)toml";

TEST(Schema, BuiltInTypesKeepTheirNumbersAndHaveRoles) {
  const Schema schema;
  EXPECT_EQ(schema.event_types().size(), 18u);
  EXPECT_EQ(schema.info(EventType::kWatch).name, "watch");
  EXPECT_EQ(schema.info(EventType::kSubscribe).name, "subscribe");
  EXPECT_EQ(schema.FindEventType("add_to_cart"), EventType::kAddToCart);
  EXPECT_EQ(schema.FindEventType("WaTcH"), EventType::kWatch);
  EXPECT_EQ(schema.FindEventType("watches"), std::nullopt);
  EXPECT_EQ(schema.FindEventType(""), std::nullopt);
  EXPECT_EQ(schema.info(EventType::kSearch).role, Role::kSearch);
  EXPECT_EQ(schema.info(EventType::kSkip).role, Role::kNegative);
  for (const EventTypeInfo& type : schema.event_types()) {
    EXPECT_TRUE(type.built_in) << type.name;
    EXPECT_EQ(type.needs_value, type.name == "watch" || type.name == "rating") << type.name;
  }
  EXPECT_TRUE(schema.Has(EventType{18}));
  EXPECT_FALSE(schema.Has(EventType{19}));
  EXPECT_FALSE(schema.Has(EventType{0}));
}

TEST(Schema, BuiltInAttributesAreNumberedAsNamed) {
  const Schema schema;
  EXPECT_EQ(schema.FindAttribute(Entity::kItem, "removed"), item_attribute::kRemoved);
  EXPECT_EQ(schema.FindAttribute(Entity::kUser, "logged_in"), user_attribute::kLoggedIn);
  EXPECT_EQ(schema.FindAttribute(Entity::kRequest, "off_site"), request_attribute::kOffSite);
  EXPECT_EQ(schema.attributes(Entity::kRequest).size(), request_attribute::kBuiltIn);
  EXPECT_EQ(schema.FindAttribute(Entity::kUser, "topics"), std::nullopt);
  EXPECT_THAT(schema.declared(Entity::kItem), IsEmpty());
  EXPECT_EQ(schema.name(IdSpace::kLanguage), "languages");
  EXPECT_EQ(schema.FindIdSpace("queries"), IdSpace::kQuery);
}

TEST(Schema, DeclaredTypesFollowInTheirOrderWithTheirRoles) {
  const Schema schema = Declared(kShop);
  ASSERT_EQ(schema.event_types().size(), 23u);
  const EventTypeInfo& wish = schema.info(EventType{19});
  EXPECT_EQ(wish.name, "wish");
  EXPECT_EQ(wish.role, Role::kPositive);
  EXPECT_FALSE(wish.needs_value);
  EXPECT_TRUE(schema.info(*schema.FindEventType("stars")).needs_value);
  EXPECT_FALSE(schema.info(*schema.FindEventType("opinion")).needs_value);
  EXPECT_EQ(schema.info(*schema.FindEventType("dwell")).role, Role::kContext);
  EXPECT_TRUE(schema.info(*schema.FindEventType("dwell")).needs_value);
  EXPECT_EQ(schema.FindEventType("voice_search"), EventType{23});
}

TEST(Schema, DeclaredAttributesHaveKindsWidthsAndIdSpaces) {
  const Schema schema = Declared(kShop);
  const auto items = schema.declared(Entity::kItem);
  ASSERT_EQ(items.size(), 9u);
  EXPECT_EQ(items[0].name, "price");
  EXPECT_EQ(items[0].kind, Kind::kNumber);
  EXPECT_EQ(items[8].width, 384u);
  const IdSpace brand = *schema.FindIdSpace("brand");
  EXPECT_EQ(items[1].space, brand);
  EXPECT_EQ(items[2].space, brand) << "category(brand) shares its ids";
  EXPECT_EQ(items[4].space, IdSpace::kItem);
  EXPECT_EQ(schema.built_in(Entity::kItem), 7u);
  EXPECT_EQ(schema.FindAttribute(Entity::kItem, "price"), 7u);
  EXPECT_EQ(std::vector(schema.id_spaces().begin() + kIdSpaces, schema.id_spaces().end()),
            (std::vector<std::string>{"brand", "tags", "plan", "page"}));
}

TEST(Schema, DeclarationsReadBackAsTheSameSchema) {
  const Schema schema = Declared(kShop);
  const auto again = Schema::Parse(schema.Declarations());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->Declarations(), schema.Declarations());
  EXPECT_EQ(*again, schema);
  EXPECT_EQ(again->FindIdSpace("page"), schema.FindIdSpace("page"));
  EXPECT_EQ(again->FindEventType("voice_search"), schema.FindEventType("voice_search"));
  EXPECT_EQ(Schema().Declarations(), "");
  EXPECT_FALSE(Schema::Parse("schema.items.price = 'nombre'"));
  EXPECT_FALSE(Schema::Parse("[schema"));
}

TEST(Schema, DigestIsThatOfWhatIsDeclaredAndOfItsOrder) {
  const auto digest = [](std::string_view toml) { return Declared(toml).digest(); };
  EXPECT_EQ(digest(""), Schema().digest());
  EXPECT_EQ(digest("schema.items.a = 'number'"), digest("[schema.items]\na = \"number\" # x"));
  EXPECT_NE(digest("schema.items.a = 'number'"), digest("schema.items.a = 'flag'"));
  EXPECT_NE(digest("schema.items.a = 'number'"), digest("schema.users.a = 'number'"));
  EXPECT_NE(digest("[schema.items]\na = 'flag'\nb = 'flag'"),
            digest("[schema.items]\nb = 'flag'\na = 'flag'"));
}

TEST(Schema, DifferenceShowsTheFirstLineThatOneSideLacks) {
  const Schema priced = Declared("schema.items.price = 'number'");
  EXPECT_EQ(priced.Difference(priced, "the log", "the project file"), "");
  const std::string line = "schema.items.price = \"number\"";
  EXPECT_EQ(priced.Difference(Schema(), "the log", "the project file"),
            "the log declares `" + line + "`, the project file does not");
  EXPECT_EQ(Schema().Difference(priced, "the log", "the project file"),
            "the project file declares `" + line + "`, the log does not");
  const Schema ab = Declared("[schema.items]\na = 'flag'\nb = 'flag'");
  const Schema ba = Declared("[schema.items]\nb = 'flag'\na = 'flag'");
  EXPECT_THAT(ab.Difference(ba, "the log", "the project file"), HasSubstr("another order"));
}

TEST(Schema, MistakesAreNamedWithTheirLineAndWhatWasExpected) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"[schema.event]\n", "upnext.toml:1:9: schema.event: unknown table; did you mean 'events'?"},
      {"[schema.events]\nlike = 'negative'\n",
       "upnext.toml:2:1: schema.events.like: is built in, with the role \"positive\"; remove"},
      {"[schema.events]\nwish = 'postive'\n", "did you mean 'positive'?"},
      {"[schema.events]\nwish = { value = true }\n", "schema.events.wish.role: expected one of"},
      {"[schema.events]\nWish = 'positive'\n", "small letters"},
      {"[schema.items]\n2d = 'flag'\n", "begins with a letter"},
      {"[schema.items]\nupnext_x = 'flag'\n", "reserved"},
      {"[schema.items]\nprice = 'numbr'\n", "did you mean 'number'?"},
      {"[schema.items]\nprice = 3\n", "expected text in quotes, found the integer 3"},
      {"[schema.items]\nduration = 'number'\n", "schema.items.duration: is built in"},
      {"[schema.items]\nline = 'number'\n", "is the name of a built-in column"},
      {"[schema.requests]\nseed = 'number'\n", "is the name of a built-in column"},
      {"[schema.items]\nv = 'vector'\n", "expected vector(N)"},
      {"[schema.items]\nv = 'vector(0)'\n", "1 to 65536"},
      {"[schema.items]\nv = 'vector(3x)'\n", "found \"vector(3x)\""},
      {"[schema.items]\nv = 'number(3)'\n", "without brackets"},
      {"[schema.items]\nv = 'category('\n", "expected one of \"flag\""},
      {"[schema.items]\nbrand = 'category'\nmaker = 'category(brend)'\n",
       "schema.items.maker: there are no ids called \"brend\"; did you mean 'brand'?"},
      {"[schema.items]\nbrand = 'category'\n[schema.users]\nbrand = 'category'\n",
       "upnext.toml:4:1: schema.users.brand: there are ids called \"brand\" already; write "
       "\"category(brand)\" to share them"},
      {"[schema.requests]\ntags = 'categories'\n",
       "the kinds that attributes of requests can have, found \"categories\""},
  };
  for (const auto& [toml, words] : cases) {
    EXPECT_THAT(Refusal(toml), HasSubstr(std::string(words))) << toml;
  }
}

TEST(Schema, TakesAsManyAsTheNumbersHoldAndRefusesMore) {
  std::string events = "[schema.events]\n", items = "[schema.items]\n";
  for (size_t i = kEventTypes - 1; i < kMaxEventTypes; ++i) {
    events += fmt::format("e{} = 'positive'\n", i);
  }
  for (size_t i = kIdSpaces; i < kMaxIdSpaces; ++i) items += fmt::format("c{} = 'category'\n", i);
  const Schema schema = Declared(events + items);
  EXPECT_EQ(schema.event_types().size(), kMaxEventTypes);
  EXPECT_EQ(schema.id_spaces().size(), kMaxIdSpaces);
  EXPECT_EQ(schema.FindEventType("e253"), EventType{254});
  EXPECT_THAT(Refusal(events + "more = 'positive'\n"), HasSubstr("254 event types"));
  EXPECT_THAT(Refusal(items + "more = 'category'\n"), HasSubstr("254 kinds of ids"));
  std::string flags = "[schema.users]\n";
  for (size_t i = 0; i < kMaxAttributes; ++i) flags += fmt::format("f{} = 'flag'\n", i);
  EXPECT_EQ(Declared(flags).declared(Entity::kUser).size(), kMaxAttributes);
  EXPECT_THAT(Refusal(flags + "more = 'flag'\n"), HasSubstr("1000 declared attributes"));
}

TEST(Schema, AnUnknownTypeIsAnsweredWithTheNearestAllTypesAndTheLineToAdd) {
  EXPECT_THAT(Declared(kShop).UnknownEventType("wihs"),
              AllOf(HasSubstr("no event type 'wihs'; did you mean 'wish'?"),
                    HasSubstr("impression, click, watch"), HasSubstr("voice_search"),
                    HasSubstr("[schema.events] purchase_intent = \"positive\"")));
}

TEST(WhyNotAnEvent, GoesByTheRoleOfTheType) {
  const Schema schema = Declared(kShop);
  Event event = {.time_ms = 1, .type = *schema.FindEventType("voice_search"), .query = 2};
  EXPECT_EQ(schema.WhyNotAnEvent(event), "");
  event.item = 3;
  EXPECT_EQ(schema.WhyNotAnEvent(event), "a search has no item");
  event.type = *schema.FindEventType("wish");
  EXPECT_EQ(schema.WhyNotAnEvent(event), "");
  event.item = kNone;
  EXPECT_EQ(schema.WhyNotAnEvent(event), "item is missing");
  event.item = 3;
  event.type = EventType{24};
  EXPECT_EQ(schema.WhyNotAnEvent(event), "type is unknown");
  EXPECT_EQ(Schema().WhyNotAnEvent({.time_ms = 1, .type = EventType{19}, .item = 3}),
            "type is unknown");
}

}  // namespace
}  // namespace upnext::schema
