#include "training/bias_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "nn/parameter.h"
#include "ranking/test_batches.h"

namespace upnext::training {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(BiasReport, MT10_HasTheClickRateAndTheLearnedBiasOfEachPositionByDevice) {
  std::vector<ranking::Objective> objectives = ranking::AllObjectives();
  for (ranking::Objective& objective : objectives) {
    objective.position_bias = objective.name == "click";
  }
  const features::ModelShape shape = ranking::SmallShape(/*rows=*/3);
  const ranking::RankerOptions options = {.architecture = {.widths = {4}},
                                          .bias = {.method = ranking::BiasMethod::kTower}};
  ranking::Ranker ranker = ranking::MakeRanker(options, objectives, shape);
  const nn::Parameter bias = ranking::ParameterNamed(ranker, "bias.1");
  const auto cell = [&](size_t position, size_t device) -> float& {
    return bias.value[1 + 3 * position + device];
  };
  cell(1, 1) = 0.5f, cell(2, 1) = 0.25f, cell(4, 1) = -1.5f;
  cell(4, 2) = -0.125f;
  const evaluation::PositionOverlap overlap = {
      .positions = {{.position = 1, .click_rate = 0.25},
                    {.position = 2, .click_rate = 0.125},
                    {.position = 4, .click_rate = 0.0625}}};
  const std::vector<NamedRow> devices = {{"phone", 1}, {"tv", 2}};
  EXPECT_THAT(DescribeBias(ranker, devices, overlap),
              ElementsAre("click rate at positions 1, 2, 4: 0.250 0.125 0.062",
                          "learned bias of click there on phone, in the logit: 0.00 -0.25 -2.00",
                          "learned bias of click there on tv, in the logit: 0.00 0.00 -0.12"));
  const ranking::Ranker without = ranking::MakeRanker({}, objectives, shape);
  EXPECT_THAT(DescribeBias(without, devices, overlap), IsEmpty());
}

}  // namespace
}  // namespace upnext::training
