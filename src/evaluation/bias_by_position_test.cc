#include "evaluation/bias_by_position.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "evaluation/test_pages.h"
#include "examples/test_world.h"
#include "features/feature_statistics.h"
#include "nn/parameter.h"
#include "ranking/test_batches.h"
#include "schema/event.h"

namespace upnext::evaluation {
namespace {

using schema::EventType;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Phones and television sets, with enough events for the vocabulary of devices.
examples::WorldOptions TwoDevices() {
  examples::WorldOptions options;
  for (int64_t i = 0; i < 40; ++i) {
    options.events.push_back(examples::Watch("u", "a", i * examples::kHour, 30));
    options.events.back().device = i % 4 == 0 ? "tv" : "phone";
  }
  options.split = {.kind = examples::SplitOptions::Kind::kNone};
  return options;
}

struct Fixture {
  const examples::World world{TwoDevices()};
  const features::FeatureStatistics tables = world.Learn();
  const uint32_t phone = world.Id(schema::IdSpace::kDevice, "phone"),
                 tv = world.Id(schema::IdSpace::kDevice, "tv");

  ranking::Ranker MakeRanker(ranking::BiasMethod method) const {
    std::vector<ranking::Objective> objectives = {WatchedSeconds(),
                                                  Happening("click", EventType::kClick)};
    objectives[0].position_bias = false;
    objectives[1].position_bias = true;
    return ranking::MakeRanker({.architecture = {.widths = {4}}, .bias = {.method = method}},
                               objectives, ranking::ShapeOf(tables));
  }
};

// Two of four at the first place are clicked, a quarter at the third; one impression has no place.
HandMade Shown(uint32_t phone, uint32_t tv) {
  HandMade pages;
  const std::vector<EventType> clicked = {EventType::kClick}, none = {};
  for (uint16_t i = 0; i < 4; ++i) {
    pages.Add(0, 1, {.events = i < 2 ? clicked : none, .position = 1, .device = phone});
    pages.Add(0, 1, {.events = i < 1 ? clicked : none, .position = 3, .device = phone});
  }
  pages.Add(0, 2, {.watch_s = 5, .position = 3, .device = tv});
  pages.Add(0, 2, {.events = clicked, .device = tv});
  return pages;
}

TEST(BiasByPosition, MT10_HasTheClickRateAndTheLearnedBiasOfEachPositionByDevice) {
  const Fixture fixture;
  ranking::Ranker ranker = fixture.MakeRanker(ranking::BiasMethod::kTower);
  const features::Vocabulary& rows = fixture.tables.vocabulary(features::kDeviceVocabulary);
  const size_t devices = rows.ids() + 1;
  const nn::Parameter bias = ranking::ParameterNamed(ranker, "bias.1");
  const auto cell = [&](size_t position, uint32_t device) -> float& {
    return bias.value[1 + devices * position + rows.Row(device)];
  };
  cell(1, fixture.phone) = 0.5f, cell(3, fixture.phone) = -1.5f;
  cell(3, fixture.tv) = -0.25f;
  const BiasByPosition report =
      BiasByPositionOf({fixture.world.source, fixture.tables, nullptr, &ranker},
                       Shown(fixture.phone, fixture.tv).impressions);
  EXPECT_THAT(report.positions, ElementsAre(1, 3));
  ASSERT_EQ(report.rates.size(), 2u);
  EXPECT_EQ(report.rates[0].device, "phone");
  EXPECT_THAT(report.rates[0].impressions, ElementsAre(4, 4));
  EXPECT_THAT(report.rates[0].click_rate, ElementsAre(0.5, 0.25));
  EXPECT_EQ(report.rates[1].device, "tv");
  EXPECT_THAT(report.rates[1].impressions, ElementsAre(0, 1));
  EXPECT_EQ(report.rates[1].click_rate[1], 1);  // a watch counts as a click
  ASSERT_EQ(report.learned.size(), 2u);         // of click alone
  EXPECT_EQ(report.learned[0].objective, "click");
  EXPECT_EQ(report.learned[0].device, "phone");
  EXPECT_THAT(report.learned[0].logit, ElementsAre(0, DoubleNear(-2, 1e-6)));
  EXPECT_THAT(report.learned[1].logit, ElementsAre(0, DoubleNear(-0.25, 1e-6)));
}

TEST(BiasByPosition, WithoutATowerThereAreClickRatesAlone) {
  const Fixture fixture;
  const ranking::Ranker ranker = fixture.MakeRanker(ranking::BiasMethod::kNone);
  const Subject subject{fixture.world.source, fixture.tables, nullptr, &ranker};
  const BiasByPosition report =
      BiasByPositionOf(subject, Shown(fixture.phone, fixture.tv).impressions);
  EXPECT_EQ(report.rates.size(), 2u);
  EXPECT_THAT(report.learned, IsEmpty());
  HandMade without;
  without.Add(0, 1, {.watch_s = 5});
  EXPECT_THAT(BiasByPositionOf(subject, without.impressions).positions, IsEmpty());
}

}  // namespace
}  // namespace upnext::evaluation
