#include "examples/join.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "examples/test_world.h"
#include "schema/event.h"

namespace upnext::examples {
namespace {

using features::UserState;
using schema::EventType;

// The impressions of user "u", groups in order, beside the number of events known to each.
struct Seen {
  std::vector<Impression> impressions;
  std::vector<uint64_t> known, group_size;
};
Seen Replay(const World& world) {
  Seen seen;
  ReplayImpressions(world.source, world.user("u"), features::StateSpec(),
                    [&](const UserState& before, const ImpressionGroup& group) {
                      seen.group_size.push_back(group.impressions.size());
                      for (const Impression& impression : group.impressions) {
                        seen.impressions.push_back(impression);
                        seen.known.push_back(before.totals().events);
                      }
                    });
  return seen;
}
Seen Replay(std::vector<schema::RawEvent> events, features::PositiveRule rule = {}) {
  const World world(
      {.events = std::move(events), .rule = rule, .split = {.kind = SplitOptions::Kind::kNone}});
  return Replay(world);
}

TEST(Join, InteractionsOfTheSameRequestAndItemLabelTheImpressionHoweverLate) {
  const Seen seen =
      Replay({Shown("u", "a", 0, "q"), Shown("u", "b", 0, "q"), Click("u", "b", 1, "q"),
              Raw("u", "b", 2 * kHour, EventType::kWatch, 45, "q"),
              Raw("u", "b", 2 * kHour, EventType::kRating, 4, "q")});
  ASSERT_EQ(seen.impressions.size(), 2u);
  EXPECT_TRUE(seen.impressions[0].labels.happened.empty());
  EXPECT_EQ(seen.impressions[0].labels.watch_s, 0);
  const Labels& labels = seen.impressions[1].labels;
  EXPECT_TRUE(labels.Has(EventType::kClick));
  EXPECT_TRUE(labels.Has(EventType::kWatch));
  EXPECT_TRUE(labels.Has(EventType::kComplete));  // 45 s of an unknown duration
  EXPECT_FALSE(labels.Has(EventType::kLike));
  EXPECT_FLOAT_EQ(labels.watch_s, 45);
  EXPECT_FLOAT_EQ(labels.rating, 4);
  EXPECT_TRUE(std::isnan(seen.impressions[0].labels.rating));
}

TEST(Join, WithoutARequestTheSameItemWithinThirtyMinutesCounts) {
  const Seen seen =
      Replay({Shown("u", "a", 0), Click("u", "a", kJoinWindowMs), Shown("u", "b", 2 * kHour),
              Click("u", "b", 2 * kHour + kJoinWindowMs + 1), Click("u", "c", 2 * kHour)});
  ASSERT_EQ(seen.impressions.size(), 2u);
  EXPECT_TRUE(seen.impressions[0].labels.Has(EventType::kClick));
  EXPECT_TRUE(seen.impressions[1].labels.happened.empty());
}

TEST(Join, TheNearestImpressionBeforeTakesTheInteraction) {
  const Seen seen = Replay({Shown("u", "a", 0), Shown("u", "a", 10), Watch("u", "a", 11, 5),
                            Watch("u", "a", 12, 7), Shown("u", "a", 13)});
  ASSERT_EQ(seen.impressions.size(), 3u);
  EXPECT_TRUE(seen.impressions[0].labels.happened.empty());
  EXPECT_FLOAT_EQ(seen.impressions[1].labels.watch_s, 12);
  EXPECT_TRUE(seen.impressions[2].labels.happened.empty());
}

TEST(Join, TheRequestWinsOverANearerImpressionAndAnUnknownRequestFallsBackToTheWindow) {
  const Seen seen =
      Replay({Shown("u", "a", 0, "q1"), Shown("u", "a", 10, "q2"), Click("u", "a", 20, "q1"),
              Raw("u", "a", 21, EventType::kLike, schema::kAbsent, "elsewhere")});
  ASSERT_EQ(seen.impressions.size(), 2u);
  EXPECT_TRUE(seen.impressions[0].labels.Has(EventType::kClick));
  EXPECT_FALSE(seen.impressions[0].labels.Has(EventType::kLike));
  EXPECT_FALSE(seen.impressions[1].labels.Has(EventType::kClick));
  EXPECT_TRUE(seen.impressions[1].labels.Has(EventType::kLike));
}

TEST(Join, AnItemShownTwiceInOneRequestIsClickedOnce) {
  const Seen seen = Replay({Shown("u", "a", 0, "q"), Shown("u", "a", 5, "q"),
                            Click("u", "a", 7, "q"), Shown("u", "a", 9, "q")});
  ASSERT_EQ(seen.impressions.size(), 3u);
  EXPECT_EQ(seen.group_size, std::vector<uint64_t>{3});
  EXPECT_FALSE(seen.impressions[0].labels.Has(EventType::kClick));
  EXPECT_TRUE(seen.impressions[1].labels.Has(EventType::kClick));
  EXPECT_FALSE(seen.impressions[2].labels.Has(EventType::kClick));
}

TEST(Join, ImpressionsOfARequestShareTheStateBeforeTheFirstOfThem) {
  // The second half of page q1 is shown after a watch and after another page.
  const Seen seen =
      Replay({Search("u", "before", 0), Shown("u", "a", 1, "q1"), Watch("u", "x", 2, 60),
              Shown("u", "b", 3, "q2"), Shown("u", "c", 4, "q1"), Shown("u", "d", 5)});
  EXPECT_EQ(seen.group_size, (std::vector<uint64_t>{2, 1, 1}));
  EXPECT_EQ(seen.known, (std::vector<uint64_t>{1, 1, 3, 5}));
}

TEST(Join, ImpressionsWithoutARequestStandAlone) {
  const Seen seen = Replay({Shown("u", "a", 0), Shown("u", "b", 0), Shown("u", "c", 0)});
  EXPECT_EQ(seen.group_size, (std::vector<uint64_t>{1, 1, 1}));
  EXPECT_EQ(seen.known, (std::vector<uint64_t>{0, 1, 2}));
}

TEST(Join, NoStateKnowsALabelOfItsImpressionEvenIfTheLogHasTheClickFirst) {
  // Equal times, the click written first; and a request whose click is dated before its impression.
  const Seen seen =
      Replay({Search("u", "before", 0), Click("u", "a", 1), Shown("u", "a", 1),
              Click("u", "b", 2, "q"), Search("u", "between", 3), Shown("u", "b", 4, "q")});
  ASSERT_EQ(seen.impressions.size(), 2u);
  EXPECT_TRUE(seen.impressions[0].labels.Has(EventType::kClick));
  EXPECT_TRUE(seen.impressions[1].labels.Has(EventType::kClick));
  EXPECT_EQ(seen.known, (std::vector<uint64_t>{1, 3}));
}

TEST(Join, LabelsFromALaterPartDoNotCount) {
  const World world(
      {.events = {Shown("u", "a", 0, "q"), Click("u", "a", 1, "q"), Watch("u", "a", 10, 60),
                  Raw("u", "a", 10, EventType::kLike, schema::kAbsent, "q"), Shown("u", "a", 11),
                  Click("u", "a", 12)},
       .split = {.kind = SplitOptions::Kind::kTime,
                 .train_until_ms = kStart + 10,
                 .validation_until_ms = kStart + 100}});
  const Seen seen = Replay(world);
  ASSERT_EQ(seen.impressions.size(), 2u);
  EXPECT_EQ(seen.impressions[0].part, SplitPart::kTrain);
  EXPECT_TRUE(seen.impressions[0].labels.Has(EventType::kClick));
  EXPECT_FALSE(seen.impressions[0].labels.Has(EventType::kWatch));
  EXPECT_FALSE(seen.impressions[0].labels.Has(EventType::kLike));
  EXPECT_EQ(seen.impressions[1].part, SplitPart::kValidation);
  EXPECT_TRUE(seen.impressions[1].labels.Has(EventType::kClick));
  // Cutting the rows at the end of the part gives the same labels.
  JoinedImpressions joined;
  JoinImpressions(world.source, 0, world.split.train_end(0), &joined);
  ASSERT_EQ(joined.impressions.size(), 1u);
  EXPECT_EQ(joined.impressions[0].labels.happened, seen.impressions[0].labels.happened);
}

TEST(Join, CompleteFollowsTheRule) {
  const features::PositiveRule from_event = features::PositiveRule::CompleteEvents();
  const Seen seen = Replay({Shown("u", "a", 0), Watch("u", "a", 1, 600), Shown("u", "b", 2),
                            Raw("u", "b", 3, EventType::kComplete)},
                           from_event);
  ASSERT_EQ(seen.impressions.size(), 2u);
  EXPECT_FALSE(seen.impressions[0].labels.Has(EventType::kComplete));
  EXPECT_TRUE(seen.impressions[1].labels.Has(EventType::kComplete));
}

TEST(Join, KeepsWhatTheLogSaysOfTheImpression) {
  schema::RawEvent shown = Shown("u", "a", 0, "q");
  shown.position = 7;
  shown.source = "co-watch";
  shown.propensity = 0.25f;
  shown.source_score = -31.5f;
  shown.device = "tv";
  shown.region = "de";
  shown.current_item = "b";
  const schema::Schema schema =
      schema::Schema::Parse("schema.requests.page = 'category'\nschema.requests.depth = 'number'")
          .value();
  shown.attributes = {{schema::request_attribute::kBuiltIn, "home"},
                      {schema::request_attribute::kBuiltIn + 1, "2.5"}};
  const World world(
      {.events = {shown}, .split = {.kind = SplitOptions::Kind::kNone}, .schema = schema});
  JoinedImpressions joined;
  JoinImpressions(world.source, 0, kAllRows, &joined);
  ASSERT_EQ(joined.groups.size(), 1u);
  const Impression& impression = joined.of(joined.groups[0])[0];
  EXPECT_EQ(impression.position, 7);
  EXPECT_EQ(impression.source, world.Id(schema::IdSpace::kSource, "co-watch"));
  EXPECT_FLOAT_EQ(impression.propensity, 0.25f);
  EXPECT_EQ(impression.candidate().source, impression.source);
  EXPECT_EQ(impression.candidate().source_score, -31.5f);
  const features::Context& context = joined.groups[0].context;
  EXPECT_EQ(context.device, world.Id(schema::IdSpace::kDevice, "tv"));
  EXPECT_EQ(context.region, world.Id(schema::IdSpace::kRegion, "de"));
  EXPECT_EQ(context.current_item, world.item("b"));
  EXPECT_EQ(context.time_ms, kStart);
  EXPECT_NE(joined.groups[0].request, 0u);
  ASSERT_EQ(context.attributes.size(), 2u);
  EXPECT_EQ(context.attributes[0].category, world.Id(*schema.FindIdSpace("page"), "home"));
  EXPECT_EQ(context.attributes[1].number, 2.5f);
}

}  // namespace
}  // namespace upnext::examples
