#include "features/positive_rule.h"

#include <gtest/gtest.h>

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
  return rule.IsComplete(event, item);
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
    EXPECT_FALSE(PositiveRule::MayAccept(EventType(type)));
    EXPECT_FALSE(Complete({}, EventType(type), 1000, 1));
  }
  EXPECT_EQ(negative, 4u);
}

TEST(PositiveRule, CG16_TheSourceMayDecide) {
  EXPECT_TRUE(Complete({}, EventType::kComplete, schema::kAbsent, 100));
  const PositiveRule rule{.from_event = true};
  EXPECT_TRUE(Complete(rule, EventType::kComplete, schema::kAbsent, 100));
  EXPECT_FALSE(Complete(rule, EventType::kWatch, 100, 100));
}

TEST(PositiveRule, ReadsTheProjectFile) {
  const Result<base::Config> config = base::Config::Parse(
      "[labels]\ncomplete = \"event\"\ncomplete_share = 0.5\ncomplete_seconds = 10\n", "p.toml");
  ASSERT_TRUE(config);
  const PositiveRule rule = PositiveRule::FromConfig(config->Table("labels"));
  EXPECT_TRUE(config->Check());
  EXPECT_TRUE(rule.from_event);
  EXPECT_EQ(rule.share, 0.5);
  EXPECT_EQ(rule.seconds, 10);
}

}  // namespace
}  // namespace upnext::features
