#include "training/wide_split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "features/test_log.h"
#include "schema/raw_event.h"
#include "training/preconditions.h"

namespace upnext::training {
namespace {

using examples::SplitOptions;
using examples::SplitPart;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr double kMinutesOfDay = 1440;

// `users` watch daily for ten days, and long afterwards there is one `late` event.
features::TestLog LogWithLateEvent(uint32_t users, const std::vector<schema::RawEvent>& late) {
  std::vector<schema::RawEvent> events = late;
  for (uint32_t user = 0; user < users; ++user) {
    for (int day = 0; day < 10; ++day) {
      events.push_back(features::Watch(features::Numbered("u", user), features::Numbered("i", day),
                                       features::Minutes(kMinutesOfDay * day + user), 90));
    }
  }
  return features::TestLog(events, {}, {});
}

class WideSplitTest : public testing::Test {
 protected:
  WideSplit Make(const features::TestLog& log, const SplitOptions& options = {}) {
    auto made = MakeWideSplit(options, log.log(), rule_);
    EXPECT_TRUE(made) << made.error().message;
    return *std::move(made);
  }
  size_t Users(const WideSplit& made, const features::TestLog& log, SplitPart part) {
    return UsersWithPositives(made.split, log.log(), rule_, part);
  }
  const features::PositiveRule rule_;
  const schema::RawEvent late_watch_ =
      features::Watch("u3", "i1", features::Minutes(27 * kMinutesOfDay), 90);
  const schema::RawEvent late_click_ =
      features::Of(schema::EventType::kClick, "u3", "i1", features::Minutes(27 * kMinutesOfDay));
};

TEST_F(WideSplitTest, ALateEventIsNotTheWholeTestPart) {
  for (const schema::RawEvent& late : {late_watch_, late_click_}) {
    const features::TestLog log = LogWithLateEvent(400, {late});
    const WideSplit made = Make(log);
    EXPECT_GE(Users(made, log, SplitPart::kTest), 30u);
    EXPECT_GE(Users(made, log, SplitPart::kValidation), 30u);
    EXPECT_THAT(made.note, AllOf(HasSubstr("the test part begins at"), HasSubstr("of 400 users")));
  }
}

TEST_F(WideSplitTest, ALogOfFewUsersIsWidenedToATenthOfThem) {
  const features::TestLog log = LogWithLateEvent(70, {late_watch_});
  EXPECT_EQ(Users(Make(log), log, SplitPart::kTest), 7u);
}

TEST_F(WideSplitTest, PartsWithEnoughUsersAreAsTheOptionsSay) {
  const features::TestLog log = LogWithLateEvent(70, {});
  const WideSplit made = Make(log);
  EXPECT_EQ(made.note, "");
  const auto plain = examples::Split::Make({}, log.log(), rule_);
  ASSERT_TRUE(plain);
  EXPECT_EQ(made.split.Describe(), plain->Describe());
}

TEST_F(WideSplitTest, APartThatIsNotAskedForStaysEmpty) {
  const features::TestLog log = LogWithLateEvent(70, {late_watch_});
  const WideSplit untested = Make(log, {.validation_days = 1, .test_days = 0});
  EXPECT_EQ(Users(untested, log, SplitPart::kTest), 0u);
  EXPECT_EQ(Users(untested, log, SplitPart::kValidation), 7u);
  EXPECT_EQ(Users(Make(log, {.validation_days = 0}), log, SplitPart::kValidation), 0u);
}

TEST_F(WideSplitTest, ExactBoundsAreKeptAndOneUserStopsTheTraining) {
  const features::TestLog log = LogWithLateEvent(70, {late_watch_});
  SplitOptions options;
  options.train_until_ms = features::Minutes(9 * kMinutesOfDay);
  options.validation_until_ms = features::Minutes(20 * kMinutesOfDay);
  base::ThreadPool pool(1);
  const auto dataset = Dataset::Prepare(
      log.log(), {.signals = {}, .features = {}, .split = options}, pool, base::NoProgress());
  ASSERT_TRUE(dataset) << dataset.error().message;
  EXPECT_EQ((*dataset)->widened(), "");
  const Status checked = CheckTestPart(**dataset, options);
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message,
              AllOf(HasSubstr("1 of 70 users"), HasSubstr("validation_until")));
  EXPECT_EQ(WhyNothingStopsEarly(**dataset), "");
}

TEST_F(WideSplitTest, AValidationPartWithoutPositivesIsSaid) {
  const features::TestLog log = LogWithLateEvent(70, {});
  base::ThreadPool pool(1);
  SplitOptions options;
  options.validation_days = 0;
  const auto dataset = Dataset::Prepare(
      log.log(), {.signals = {}, .features = {}, .split = options}, pool, base::NoProgress());
  ASSERT_TRUE(dataset) << dataset.error().message;
  EXPECT_THAT(WhyNothingStopsEarly(**dataset), HasSubstr("all epochs are run"));
}

TEST_F(WideSplitTest, AFirstTryWithFewUsersIsTestedOnOne) {
  const features::TestLog log = LogWithLateEvent(9, {late_watch_});
  base::ThreadPool pool(1);
  const auto dataset = Dataset::Prepare(log.log(), {.signals = {}, .features = {}, .split = {}},
                                        pool, base::NoProgress());
  ASSERT_TRUE(dataset) << dataset.error().message;
  EXPECT_EQ((*dataset)->widened(), "");
  EXPECT_TRUE(CheckTestPart(**dataset, {}));
}

}  // namespace
}  // namespace upnext::training
