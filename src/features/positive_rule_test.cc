#include "features/positive_rule.h"

#include <gtest/gtest.h>

#include <cmath>

#include "schema/schema.h"

namespace upnext::features {
namespace {

using schema::EventType;

bool Complete(const PositiveRule& rule, EventType type, float value, float duration_s) {
  schema::Event event;
  event.type = type;
  event.value = value;
  schema::Item item;
  item.duration_s = duration_s;
  return rule.IsPositive(event, item);
}

TEST(PositiveRule, CG16_AWatchIsCompleteByShareElseBySeconds) {
  const PositiveRule rule;
  EXPECT_TRUE(Complete(rule, EventType::kWatch, 70, 100));
  EXPECT_FALSE(Complete(rule, EventType::kWatch, 69, 100));
  EXPECT_TRUE(Complete(rule, EventType::kWatch, 30, schema::kAbsent));
  EXPECT_FALSE(Complete(rule, EventType::kWatch, 29, schema::kAbsent));
  EXPECT_TRUE(Complete(rule, EventType::kWatch, 30, 0)) << "duration 0 means unknown";
  EXPECT_FALSE(Complete(rule, EventType::kWatch, schema::kAbsent, 100));
  EXPECT_FALSE(Complete(rule, EventType::kWatch, schema::kAbsent, schema::kAbsent));
  for (const EventType type : {EventType::kImpression, EventType::kClick, EventType::kLike}) {
    EXPECT_FALSE(Complete(rule, type, 1000, 1));
  }
}

TEST(PositiveRule, EventsAgainstAnItemAreNeverPositive) {
  const schema::Schema schema =
      schema::Schema::Parse("schema.events.not_for_me = 'negative'").value();
  size_t negative = 0;
  for (size_t type = 1; type <= schema.event_types().size(); ++type) {
    if (schema.info(EventType(type)).role != schema::Role::kNegative) continue;
    ++negative;
    EXPECT_FALSE(PositiveRule().MayBePositive(EventType(type)));
    EXPECT_FALSE(Complete({}, EventType(type), 1000, 1));
  }
  EXPECT_EQ(negative, 4u);
}

TEST(PositiveRule, CG16_TheSourceMayDecide) {
  EXPECT_TRUE(Complete({}, EventType::kComplete, schema::kAbsent, 100));
  const PositiveRule rule = PositiveRule::CompleteEvents();
  EXPECT_TRUE(Complete(rule, EventType::kComplete, schema::kAbsent, 100));
  EXPECT_FALSE(Complete(rule, EventType::kWatch, 100, 100));
}

TEST(PositiveRule, AWatchWeighsByItsMinutesToThePower) {
  PositiveRule rule = PositiveRule::Empty(0.5, 10);
  rule.SetPositive(EventType::kWatch, 2);
  rule.SetPositive(EventType::kPurchase, 3);
  const auto weight = [&](EventType type, float value) {
    return rule.WeightOf({.type = type, .value = value});
  };
  EXPECT_EQ(weight(EventType::kWatch, 240), 2);
  rule.SetWatchPower(0.5);
  EXPECT_FLOAT_EQ(weight(EventType::kWatch, 240), 4);
  EXPECT_FLOAT_EQ(weight(EventType::kWatch, 15), 1);
  EXPECT_FLOAT_EQ(weight(EventType::kWatch, 0), 2 * std::sqrt(1 / 60.0f));
  EXPECT_FLOAT_EQ(weight(EventType::kWatch, 1e7f), 2 * std::sqrt(60.0f));
  EXPECT_EQ(weight(EventType::kPurchase, 240), 3) << "it has no seconds";
}

TEST(PositiveRule, ItsTextGivesTheSameRuleBack) {
  const schema::Schema schema = schema::Schema::Parse("schema.events.view = 'context'").value();
  PositiveRule rule = PositiveRule::Empty(0.5, 12.25);
  rule.SetPositive(EventType::kPurchase, 1);
  rule.SetPositive(EventType::kAddToCart, 0.3f);
  rule.SetInterest(*schema.FindEventType("view"), 1);
  rule.SetInterest(EventType::kPurchase, 3);
  const std::string text = rule.ToText(schema);
  EXPECT_EQ(text,
            "positive: purchase 1, add_to_cart 0.3; history: purchase 3, view 1; watch: 0.5 of the "
            "duration, or 12.25 s");
  EXPECT_EQ(PositiveRule::Parse(text, schema).value(), rule);
  EXPECT_EQ(PositiveRule::Parse(PositiveRule().ToText(schema), schema).value(), PositiveRule());
  EXPECT_EQ(PositiveRule::Parse(text, schema::Schema()).error().code, Code::kDataLoss) << "no view";
  for (size_t length = 0; length < text.size(); ++length) {
    EXPECT_FALSE(PositiveRule::Parse(text.substr(0, length), schema)) << length;
  }
  rule.SetWatchPower(0.5);
  const std::string with_power = rule.ToText(schema);
  EXPECT_EQ(with_power, text + "; weight: minutes ^ 0.5");
  EXPECT_EQ(PositiveRule::Parse(with_power, schema).value(), rule);
  EXPECT_FALSE(PositiveRule::Parse(text + "; weight: minutes ^ 0", schema));
}

TEST(PositiveRule, ItemsWatchedInPartAndPositiveOnesAreSeen) {
  PositiveRule rule = PositiveRule::Empty(0.7, 30);
  rule.SetPositive(EventType::kPurchase, 1);
  rule.SetInterest(EventType::kClick, 1);
  EXPECT_TRUE(rule.MarksSeen(EventType::kWatch));
  EXPECT_TRUE(rule.MarksSeen(EventType::kPurchase));
  EXPECT_FALSE(rule.MarksSeen(EventType::kClick));
}

}  // namespace
}  // namespace upnext::features
