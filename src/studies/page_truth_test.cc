#include "studies/page_truth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_folder.h"
#include "catalogue/catalogue.h"
#include "evaluation/pages.h"
#include "examples/split.h"
#include "features/positive_rule.h"
#include "ranking/objectives.h"
#include "simulator/value.h"
#include "studies/simulated_log.h"

namespace upnext::studies {
namespace {

simulator::World WorldOfSeed(uint64_t seed) {
  simulator::WorldOptions options;
  options.users = 80;
  options.items = 200;
  options.days = 3;
  options.seed = seed;
  return *simulator::World::Create(options);
}

class PageTruth : public testing::Test {
 protected:
  void SetUp() override {
    SimulatedLog rows(world_);
    ASSERT_TRUE(rows.AddWindow(pool_, base::NoProgress(),
                               [&](const simulator::UserRows& of_user) { value_.Add(of_user); }));
    auto log = rows.Write(folder_ / "log");
    ASSERT_TRUE(log) << log.error().message;
    log_ = std::make_unique<log::EventLog>(*std::move(log));
    const catalogue::Catalogue catalogue(*log_);
    const features::PositiveRule rule;
    const auto split =
        examples::Split::Make({.kind = examples::SplitOptions::Kind::kNone}, *log_, rule);
    ASSERT_TRUE(split);
    impressions_ = evaluation::CollectImpressions({*log_, catalogue, rule, *split},
                                                  examples::SplitPart::kTrain, pool_);
    ASSERT_GT(impressions_.size(), 1000u);
  }

  base::ThreadPool pool_{2};
  const base::TestFolder folder_;
  const simulator::World world_ = WorldOfSeed(1);
  simulator::UserValues value_{80};  // of the slates as the log has them
  std::unique_ptr<log::EventLog> log_;
  evaluation::Impressions impressions_;
};

TEST_F(PageTruth, PagesInTheOrderOfTheLogAreWorthWhatTheSimulatorSays) {
  const auto truth = TruthOf(world_, *log_, impressions_, pool_, base::NoProgress());
  ASSERT_TRUE(truth) << truth.error().message;
  const evaluation::Pages pages = evaluation::MakePages(impressions_);
  ASSERT_TRUE(pages.by_request);
  impressions_.predictions.resize(impressions_.size());
  for (const auto& [begin, end] : pages.pages) {
    for (uint32_t row = begin; row < end; ++row) {
      impressions_.predictions[pages.order[row]] = 1.0f / static_cast<float>(1 + row - begin);
    }
  }
  const std::vector<ranking::Objective> objectives = {{.name = "click"}};
  const evaluation::PageValues values(objectives, std::vector<uint8_t>{0}, impressions_, *truth);
  const simulator::Value total = value_.total();
  EXPECT_EQ(values.pages(), total.slates);
  const std::vector<double> as_shown = values.Of({{1}}), reversed = values.Of({{-1}});
  EXPECT_NEAR(as_shown[1], total.clicks / total.slates, 1e-6);
  EXPECT_NEAR(as_shown[2], total.watch_s / total.slates, 1e-3);
  EXPECT_NEAR(as_shown[3], total.satisfaction / total.slates, 1e-6);
  EXPECT_LT(reversed[1], as_shown[1]);
}

TEST_F(PageTruth, RefusesAnotherWorld) {
  const auto truth = TruthOf(WorldOfSeed(2), *log_, impressions_, pool_, base::NoProgress());
  ASSERT_FALSE(truth);
  EXPECT_EQ(truth.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(truth.error().message, testing::HasSubstr("pass the world"));
}

}  // namespace
}  // namespace upnext::studies
