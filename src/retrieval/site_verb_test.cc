#include "retrieval/site_verb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace upnext::retrieval {
namespace {

SiteVerb From(std::string_view toml) {
  const auto config = base::Config::Parse(toml, "upnext.toml");
  const SiteVerb verb = SiteVerb::FromConfig(config->Table("site"));
  EXPECT_TRUE(config->Check()) << config->Check().error().message;
  return verb;
}

TEST(SiteVerb, FormsFollowFromTheVerbOrAreGiven) {
  EXPECT_EQ(From(""), (SiteVerb{"watch", "watched", "watching"}));
  EXPECT_EQ(From("[site]\nverb = 'read'"), (SiteVerb{"read", "read", "reading"}));
  EXPECT_EQ(From("[site]\nverb = 'buy'"), (SiteVerb{"buy", "bought", "buying"}));
  EXPECT_EQ(From("[site]\nverb = 'use'"), (SiteVerb{"use", "used", "using"}));
  EXPECT_EQ(From("[site]\nverb = 'listen to'"),
            (SiteVerb{"listen to", "listened to", "listening to"}));
  EXPECT_EQ(From("[site]\nverb = 'get'\nverb_past = 'got'\nverb_present = 'getting'"),
            (SiteVerb{"get", "got", "getting"}));
}

TEST(SiteVerb, FormsOfCommonVerbs) {
  const char* const kForms[][3] = {
      {"sell", "sold", "selling"},     {"try", "tried", "trying"},
      {"shop", "shopped", "shopping"}, {"play", "played", "playing"},
      {"view", "viewed", "viewing"},   {"order", "ordered", "ordering"},
      {"rent", "rented", "renting"},   {"find", "found", "finding"}};
  for (const auto& [base, past, present] : kForms) {
    const SiteVerb verb = SiteVerb::Of(base);
    EXPECT_EQ(verb.past, past);
    EXPECT_EQ(verb.present, present);
  }
}

TEST(SiteVerb, AVerbWithTwoFormsOfThePastNeedsOneThatServesAsBoth) {
  const auto config = base::Config::Parse("[site]\nverb = 'see'", "upnext.toml");
  SiteVerb::FromConfig(config->Table("site"));
  const Status checked = config->Check();
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message, testing::HasSubstr("verb_past"));
  EXPECT_EQ(From("[site]\nverb = 'see'\nverb_past = 'looked at'").past, "looked at");
}

// view 1, add_to_cart 2, purchase 3, of which purchases are positive.
class SiteVerbOfAShop : public testing::Test {
 protected:
  SiteVerbOfAShop() {
    const auto config = base::Config::Parse("events = { view = 'context' }", "upnext.toml");
    schema_ = schema::Schema::FromConfig(config->root());
    rule_.SetPositive(schema::EventType::kPurchase, 1);
    rule_.SetInterest(*schema_.FindEventType("view"), 1);
    rule_.SetInterest(schema::EventType::kAddToCart, 2);
    rule_.SetInterest(schema::EventType::kPurchase, 3);
  }
  SiteVerb Words() const { return SiteVerb::Of("buy").For(rule_, schema_); }
  schema::Schema schema_;
  features::PositiveRule rule_ = features::PositiveRule::Empty(0.7, 30);
};

TEST_F(SiteVerbOfAShop, SaysOfEachItemWhatWasDone) {
  const SiteVerb verb = Words();
  EXPECT_EQ(verb.Did(1, "SKU 77"), "viewed SKU 77");
  EXPECT_EQ(verb.Did(2, "SKU 77"), "added SKU 77 to your cart");
  EXPECT_EQ(verb.Did(3, "SKU 77"), "bought SKU 77");
  EXPECT_EQ(verb.now, "looking at");
}

TEST_F(SiteVerbOfAShop, TheVerbIsOfListsOfPositivesAndNotOfAllThatWasSeen) {
  EXPECT_EQ(Words().positives, "bought");
  EXPECT_EQ(Words().history, "seen");
  EXPECT_EQ(Words().watched, "watched");
  rule_.SetPositive(schema::EventType::kAddToCart, 0.3f);
  EXPECT_EQ(Words().positives, "picked");
}

TEST_F(SiteVerbOfAShop, EventsOfOneWeightAreNotMistakenForEachOther) {
  rule_.SetInterest(schema::EventType::kSave, 2);
  rule_.SetInterest(schema::EventType::kClick, 1);
  EXPECT_EQ(Words().Did(1, "SKU 77"), "viewed SKU 77");
  EXPECT_EQ(Words().Did(2, "SKU 77"), "were interested in SKU 77");
}

TEST(SiteVerb, WhereTheHistoryIsThePositivesAllIsWhatTheVerbSays) {
  const SiteVerb verb = SiteVerb::Of("read").For(features::PositiveRule(), {});
  EXPECT_EQ(verb.Did(1, "a"), "read a");
  EXPECT_EQ(verb.history, "read");
  EXPECT_EQ(verb.now, "reading");
  EXPECT_EQ(verb.watch, "read");
}

TEST(SiteVerb, AnEmptyVerbIsAMistake) {
  const auto config = base::Config::Parse("[site]\nverb = ''", "upnext.toml");
  SiteVerb::FromConfig(config->Table("site"));
  EXPECT_FALSE(config->Check());
}

}  // namespace
}  // namespace upnext::retrieval
