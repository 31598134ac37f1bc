#include "studies/live_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/test_folder.h"
#include "examples/split.h"
#include "studies/live_engine.h"
#include "studies/simulated_log.h"
#include "studies/test_bundle.h"

namespace upnext::studies {
namespace {

using examples::SplitOptions;
using testing::HasSubstr;

// A log of a world, and a bundle that was trained on it.
class LiveValueTest : public testing::Test {
 protected:
  static simulator::WorldOptions SmallWorld() {
    simulator::WorldOptions options;
    options.users = 120;
    options.items = 250;
    options.days = 8;
    return options;
  }
  void SetUp() override {
    const auto world = simulator::World::Create(SmallWorld());
    ASSERT_TRUE(world);
    auto log = LogOf(*world, folder_ / "log", pool_, base::NoProgress());
    ASSERT_TRUE(log) << log.error().message;
    log_ = std::make_unique<log::EventLog>(*log);
    auto bundle = TinyBundleOf(*log_, folder_ / "bundle", pool_);
    ASSERT_TRUE(bundle) << bundle.error().message;
    bundle_ = *std::move(bundle);
  }
  Result<ValueReport> Measure(const simulator::WorldOptions& options,
                              SplitOptions::Kind kind = SplitOptions::Kind::kTime) {
    const auto world = simulator::World::Create(options);
    EXPECT_TRUE(world);
    const auto split = examples::Split::Make({.kind = kind}, *log_, {});
    EXPECT_TRUE(split);
    return MeasureValue({.world = *world,
                         .log = *log_,
                         .split = *split,
                         .bundle = *bundle_,
                         .engine = {},
                         .rule = {}},
                        pool_, base::NoProgress());
  }
  std::string WhyNot(const simulator::WorldOptions& options,
                     SplitOptions::Kind kind = SplitOptions::Kind::kTime) {
    const auto report = Measure(options, kind);
    EXPECT_FALSE(report);
    if (report) return "";
    EXPECT_EQ(report.error().code, Code::kFailedPrecondition);
    return report.error().message;
  }

  base::TestFolder folder_;
  base::ThreadPool pool_{2};
  std::unique_ptr<log::EventLog> log_;
  std::unique_ptr<bundle::Bundle> bundle_;
};

TEST_F(LiveValueTest, IsBetweenRandomSlatesAndThoseOfTheTruthInTheWorldThatMadeTheLog) {
  const auto report = Measure(SmallWorld());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->from_day, SmallWorld().days);
  EXPECT_EQ(report->to_day, SmallWorld().days);
  ASSERT_EQ(report->policies.size(), 5u);
  EXPECT_EQ(report->policies.front().policy, "random");
  EXPECT_EQ(report->policies.back().policy, "oracle");
  for (const PolicyValue& policy : report->policies) {
    EXPECT_GE(policy.watch_s.mean, report->policies.front().watch_s.mean) << policy.policy;
    EXPECT_LE(policy.watch_s.mean, report->policies.back().watch_s.mean) << policy.policy;
  }
}

TEST_F(LiveValueTest, IsRefusedForAnotherWorldThanTheLogs) {
  simulator::WorldOptions other = SmallWorld();
  other.users = 121;
  EXPECT_THAT(WhyNot(other), HasSubstr("the log has 120 users and the world 121"));
  other = SmallWorld();
  other.days = 7;
  EXPECT_THAT(WhyNot(other), HasSubstr("expected test days within the world's 7 days"));
  other = SmallWorld();
  other.seed = 99;
  EXPECT_THAT(WhyNot(other), HasSubstr("not among the world's"));
  // The same names and items, but people behave otherwise.
  other = SmallWorld();
  other.response.click_base -= 1;
  EXPECT_THAT(WhyNot(other), HasSubstr("events before the test days, and the log has"));
}

TEST_F(LiveValueTest, IsRefusedWithoutTestDays) {
  EXPECT_THAT(WhyNot(SmallWorld(), SplitOptions::Kind::kLeaveOneOut), HasSubstr("kind = \"time\""));
  EXPECT_THAT(WhyNot(SmallWorld(), SplitOptions::Kind::kNone), HasSubstr("kind = \"time\""));
}

}  // namespace
}  // namespace upnext::studies
