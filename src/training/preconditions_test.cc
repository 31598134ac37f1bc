#include "training/preconditions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "bundle/test_bundle.h"
#include "features/test_log.h"
#include "schema/event.h"

namespace upnext::training {
namespace {

using examples::SplitOptions;
using ranking::Objective;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class Notes : public base::Progress {
 public:
  void Begin(std::string_view, std::string_view, uint64_t) override {}
  void Update(uint64_t, std::string_view) override {}
  void End() override {}
  void Note(std::string_view line) override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

// The small log of bundle/test_bundle.h: every third impression is clicked and watched.
class PreconditionsTest : public testing::Test {
 protected:
  std::unique_ptr<Dataset> Make(const examples::SplitOptions& split) {
    auto dataset = Dataset::Prepare(log_.log(), {.signals = {}, .features = {}, .split = split},
                                    pool_, base::NoProgress());
    EXPECT_TRUE(dataset) << dataset.error().message;
    return dataset ? *std::move(dataset) : nullptr;
  }
  Result<std::vector<Objective>> Check(const std::vector<Objective>& objectives) {
    return TrainableObjectives(*Make({.kind = examples::SplitOptions::Kind::kNone}), objectives,
                               {.are_defaults = false}, pool_, notes_);
  }
  static Objective Event(const char* name, schema::EventType type, float score_weight) {
    Objective objective{.name = name};
    objective.event = type;
    objective.score_weight = score_weight;
    return objective;
  }

  base::ThreadPool pool_{2};
  const features::TestLog log_{bundle::TestEvents(40), bundle::TestItems(40), bundle::TestUsers()};
  Notes notes_;
};

TEST(LeaveOneOut, WhatMeansNothingWithItIsSaid) {
  for (const auto kind : {SplitOptions::Kind::kTime, SplitOptions::Kind::kLeaveOneOut}) {
    const bool leaves_one = kind == SplitOptions::Kind::kLeaveOneOut;
    Options options;
    options.dataset.split.kind = kind;
    EXPECT_EQ(WhyStateHasNoUse(options) + WhyTargetsAreTheSame(options), "");
    options.train.candidate_train.keep_state = true;
    options.evaluate.targets = examples::HoldoutTargets::kSuccessive;
    EXPECT_THAT(WhyStateHasNoUse(options), HasSubstr(leaves_one ? "keep_state" : ""));
    EXPECT_EQ(WhyStateHasNoUse(options).empty(), !leaves_one);
    EXPECT_EQ(WhyTargetsAreTheSame(options).empty(), !leaves_one);
  }
}

TEST_F(PreconditionsTest, WithoutSecondsTheStrongestPositiveOrdersTheFeedByDefault) {
  using enum schema::EventType;
  std::vector<schema::RawEvent> events;
  for (int64_t i = 0; i < 600; ++i) {
    const auto add = [&](schema::EventType type) {
      schema::RawEvent event;
      event.user = "u" + std::to_string(i % 20);
      event.item = "i" + std::to_string(i % 7);
      event.type = type;
      event.time_ms = 1'700'000'000'000 + i * 60'000 + static_cast<int64_t>(type);
      event.request = "r" + std::to_string(i);
      events.push_back(event);
    };
    add(kImpression);
    if (i % 2 == 0) add(kClick);
    if (i % 4 == 0) add(kAddToCart);
    if (i % 6 == 0) add(kPurchase);
  }
  const features::TestLog log(events, {}, {});
  DatasetOptions options;
  options.split.kind = examples::SplitOptions::Kind::kNone;
  options.signals.positives = {{kPurchase, 1.0f}, {kAddToCart, 0.25f}};
  const auto dataset = Dataset::Prepare(log.log(), options, pool_, base::NoProgress());
  ASSERT_TRUE(dataset) << dataset.error().message;
  const auto objectives = TrainableObjectives(**dataset, ranking::ObjectivesFromConfig({}, {}),
                                              {.are_defaults = true}, pool_, notes_);
  ASSERT_TRUE(objectives) << objectives.error().message;
  ASSERT_EQ(objectives->size(), 3u);
  EXPECT_EQ((*objectives)[0].event, kPurchase);
  EXPECT_EQ((*objectives)[0].score_weight, 1);
  EXPECT_EQ((*objectives)[1].event, kAddToCart);
  EXPECT_EQ((*objectives)[1].loss_weight, 0.25f);
  EXPECT_EQ((*objectives)[1].score_weight, 0);
  EXPECT_EQ((*objectives)[2].event, kClick);
}

// 1,200 impressions, every second watched, every third rated 5 stars, and `against` of them, if there
// is room, disliked or rated 1 star.
std::vector<schema::RawEvent> EventsWithDislikes(int64_t against) {
  using enum schema::EventType;
  std::vector<schema::RawEvent> events;
  for (int64_t i = 0; i < 1200; ++i) {
    const auto add = [&](schema::EventType type, float value = schema::kAbsent) {
      schema::RawEvent event;
      event.user = "u" + std::to_string(i % 20);
      event.item = "i" + std::to_string(i % 7);
      event.type = type;
      event.value = value;
      event.time_ms = 1'700'000'000'000 + i * 60'000 + static_cast<int64_t>(type);
      event.request = "r" + std::to_string(i);
      events.push_back(event);
    };
    add(kImpression);
    if (i % 2 == 0) add(kWatch, 50);
    if (i % 3 == 0) add(kRating, 5);
    if (i % 10 == 1 && against-- > 0) i % 20 == 1 ? add(kDislike) : add(kRating, 1);
  }
  return events;
}

TEST_F(PreconditionsTest, EnoughDislikesAndLowRatingsLowerTheScoreByDefault) {
  const auto check = [&](int64_t against, const ObjectiveRules& rules) {
    notes_.lines.clear();
    const features::TestLog log(EventsWithDislikes(against), {}, {});
    DatasetOptions options;
    options.split.kind = examples::SplitOptions::Kind::kNone;
    const auto dataset = Dataset::Prepare(log.log(), options, pool_, base::NoProgress());
    EXPECT_TRUE(dataset);
    const auto defaults = ranking::ObjectivesFromConfig({}, {});
    auto objectives = TrainableObjectives(**dataset, {defaults.front()}, rules, pool_, notes_);
    EXPECT_TRUE(objectives);
    return *objectives;
  };
  const auto learned = check(120, {.are_defaults = true});
  ASSERT_EQ(learned.size(), 2u);
  EXPECT_EQ(learned[1].label, Objective::Label::kUnwanted);
  EXPECT_LT(learned[1].score_weight, 0);
  EXPECT_TRUE(learned[1].against.Has(schema::EventType::kDismiss));
  EXPECT_FALSE(learned[1].against.Has(schema::EventType::kSkip));
  EXPECT_GT(learned[1].low_rating, 1);
  EXPECT_THAT(notes_.lines,
              ElementsAre(AllOf(HasSubstr("120 of 1,200 impressions were unwanted"),
                                HasSubstr("(dislike, rating up to 2"), HasSubstr("'unwanted'"))));
  EXPECT_EQ(check(120, {.are_defaults = false}).size(), 1u);
  EXPECT_EQ(check(120, {.are_defaults = true, .feed = {.filter_disliked = false}}).size(), 1u);
  EXPECT_EQ(check(90, {.are_defaults = true}).size(), 1u);
  EXPECT_THAT(notes_.lines, ElementsAre(HasSubstr("fewer than 100")));
  EXPECT_EQ(check(0, {.are_defaults = true}).size(), 1u);
  EXPECT_TRUE(notes_.lines.empty()) << "no word about what the log does not have";
}

TEST_F(PreconditionsTest, ObjectivesWithLabelsAreKept) {
  const std::vector<Objective> objectives = ranking::ObjectivesFromConfig({}, {});
  const auto checked = Check(objectives);
  ASSERT_TRUE(checked) << checked.error().message;
  EXPECT_EQ(checked->size(), objectives.size());
  EXPECT_TRUE(notes_.lines.empty());
}

TEST_F(PreconditionsTest, AnObjectiveThatOrdersTheFeedWithoutAPositiveStopsAndListsTheLabels) {
  const auto checked = Check({Event("like", schema::EventType::kLike, 1)});
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(checked.error().message,
              AllOf(HasSubstr("'like' orders the feed"), HasSubstr("none of 288 impressions"),
                    HasSubstr("click 96"), HasSubstr("watch_seconds 96")));
}

TEST_F(PreconditionsTest, AnObjectiveWithTheSameLabelEverywhereStopsToo) {
  Objective clicked = Event("click", schema::EventType::kClick, 1);
  clicked.observed.Add(schema::EventType::kClick);
  const auto checked = Check({clicked});
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message,
              HasSubstr("all 96 impressions have the same label (click = 1)"));
}

TEST_F(PreconditionsTest, OneThatIsNotScoredIsLeftOutWithANote) {
  const auto checked = Check(
      {Event("click", schema::EventType::kClick, 1), Event("like", schema::EventType::kLike, 0)});
  ASSERT_TRUE(checked) << checked.error().message;
  ASSERT_EQ(checked->size(), 1u);
  EXPECT_EQ(checked->front().name, "click");
  EXPECT_THAT(notes_.lines, ElementsAre(HasSubstr("'like' is left out")));
}

TEST_F(PreconditionsTest, CompletionNeedsItemsWithADuration) {
  Objective completion{.name = "completion", .label = Objective::Label::kCompletion};
  completion.score_weight = 1;
  EXPECT_TRUE(Check({completion}));
  std::vector<schema::RawItem> items = bundle::TestItems(48);
  for (schema::RawItem& item : items) item.duration_s = schema::kAbsent;
  const features::TestLog log(bundle::TestEvents(48), items, bundle::TestUsers());
  const auto dataset = Dataset::Prepare(
      log.log(),
      {.signals = {}, .features = {}, .split = {.kind = examples::SplitOptions::Kind::kNone}},
      pool_, base::NoProgress());
  ASSERT_TRUE(dataset) << dataset.error().message;
  const auto stopped = TrainableObjectives(**dataset, {completion}, {}, pool_, notes_);
  ASSERT_FALSE(stopped);
  EXPECT_THAT(stopped.error().message,
              AllOf(HasSubstr("'completion' orders the feed"),
                    HasSubstr("no impression has a label (completion)"),
                    HasSubstr("watch_seconds 96"), Not(HasSubstr("completion 9"))));
  completion.score_weight = 0;
  const auto skipped = TrainableObjectives(
      **dataset, {Event("click", schema::EventType::kClick, 1), completion}, {}, pool_, notes_);
  ASSERT_TRUE(skipped);
  EXPECT_EQ(skipped->size(), 1u);
  EXPECT_THAT(notes_.lines, ElementsAre(HasSubstr("'completion' is left out")));
}

TEST_F(PreconditionsTest, WatchTimesOfQuantilesAndThresholdsMustDifferToo) {
  for (const auto loss : {Objective::Loss::kQuantile, Objective::Loss::kOrdinal}) {
    Objective watch{.name = "watch", .label = Objective::Label::kWatchSeconds, .loss = loss};
    watch.score_weight = 1;
    EXPECT_TRUE(Check({watch}));
    watch.observed.Add(schema::EventType::kLike);  // of which the log has none
    const auto stopped = Check({watch});
    ASSERT_FALSE(stopped);
    EXPECT_THAT(stopped.error().message,
                AllOf(HasSubstr("'watch' orders the feed"), HasSubstr("watch_seconds 96"),
                      HasSubstr("no impression has a label (watch_seconds)")));
    watch.score_weight = 0;
    notes_.lines.clear();
    const auto skipped = Check({Event("click", schema::EventType::kClick, 1), watch});
    ASSERT_TRUE(skipped);
    EXPECT_EQ(skipped->size(), 1u);
    EXPECT_THAT(notes_.lines, ElementsAre(HasSubstr("'watch' is left out")));
  }
}

TEST_F(PreconditionsTest, AnEmptyTestPartStopsUnlessNoneIsAskedFor) {
  using Kind = examples::SplitOptions::Kind;
  const auto check = [&](const examples::SplitOptions& split) {
    return CheckTestPart(*Make(split), split);
  };
  EXPECT_TRUE(check({.kind = Kind::kNone}));
  EXPECT_TRUE(check({.kind = Kind::kTime, .validation_days = 1, .test_days = 1}));
  EXPECT_TRUE(check({.kind = Kind::kTime, .validation_days = 1, .test_days = 0}));
  EXPECT_TRUE(check({.kind = Kind::kLeaveOneOut}));
  const int64_t after = log_.log().stats().last_ms + 1;
  const Status empty =
      check({.kind = Kind::kTime, .train_until_ms = after - 1, .validation_until_ms = after});
  ASSERT_FALSE(empty);
  EXPECT_THAT(empty.error().message, AllOf(HasSubstr("test part"), HasSubstr("none")));
}

TEST_F(PreconditionsTest, LeaveOneOutNeedsAUserWithThreeWatches) {
  const features::TestLog log({features::Watch("u", "i1", features::Minutes(1), 90),
                               features::Watch("u", "i2", features::Minutes(2), 90)},
                              bundle::TestItems(4), {});
  const examples::SplitOptions split{.kind = examples::SplitOptions::Kind::kLeaveOneOut};
  const auto dataset = Dataset::Prepare(log.log(), {.signals = {}, .features = {}, .split = split},
                                        pool_, base::NoProgress());
  ASSERT_TRUE(dataset) << dataset.error().message;
  const Status checked = CheckTestPart(**dataset, split);
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message, AllOf(HasSubstr("three"), HasSubstr("leave-one-out")));
}

}  // namespace
}  // namespace upnext::training
