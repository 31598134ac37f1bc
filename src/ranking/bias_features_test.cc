#include "ranking/bias_features.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/config.h"
#include "features/feature_block.h"
#include "ranking/test_batches.h"

namespace upnext::ranking {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

BiasFeatures Features(const BiasOptions& options, uint32_t rows = 4) {
  auto made = BiasFeatures::Make(options, SmallShape(rows));
  if (!made) ADD_FAILURE() << made.error().message;
  return made ? *std::move(made) : *BiasFeatures::Make({.features = {"position"}}, SmallShape());
}

std::string WhyNot(const BiasOptions& options, uint32_t rows = 4) {
  const auto made = BiasFeatures::Make(options, SmallShape(rows));
  return made ? "made" : made.error().message;
}

// Requests of device 3, of none, and of device 1.
features::FeatureBlock Queries() {
  features::FeatureBlock queries;
  AppendRow(SmallShape().query, {{"device", {3}}}, &queries);
  AppendRow(SmallShape().query, {}, &queries);
  AppendRow(SmallShape().query, {{"device", {1}}}, &queries);
  return queries;
}

TEST(BiasFeatures, EachPositionOfEachDeviceIsACell) {
  const BiasFeatures bias = Features({.positions = 5});
  EXPECT_EQ(bias.rows(), 1u + 6 * 4);
  const std::vector<uint32_t> query_of = {0, 0, 1, 2};
  const std::vector<uint16_t> positions = {2, 5, 2, 0};
  features::Bags cells;
  bias.Cells(Queries(), query_of, positions, &cells);
  EXPECT_THAT(cells.ids, ElementsAre(1 + 2 * 4 + 3, 1 + 5 * 4 + 3, 1 + 2 * 4 + 0, 1 + 0 * 4 + 1));
  EXPECT_THAT(cells.offsets, ElementsAre(0, 1, 2, 3, 4));
}

TEST(BiasFeatures, WithoutPositionsTheyAreMissingOrAllThatOfTheOptions) {
  const BiasFeatures bias = Features({.positions = 5});
  const std::vector<uint32_t> query_of = {0, 2};
  features::Bags cells;
  bias.Cells(Queries(), query_of, {}, &cells);
  EXPECT_THAT(cells.ids, ElementsAre(1 + 3, 1 + 1));
  bias.Cells(Queries(), query_of, {}, &cells, /*position=*/1);
  EXPECT_THAT(cells.ids, ElementsAre(1 + 4 + 3, 1 + 4 + 1));
}

TEST(BiasFeatures, PositionsBeyondTheLastCountAsTheLast) {
  const BiasFeatures bias = Features({.features = {"position"}, .positions = 5});
  const std::vector<uint32_t> query_of = {0, 0, 0};
  const std::vector<uint16_t> positions = {5, 6, 65535};
  features::Bags cells;
  bias.Cells(Queries(), query_of, positions, &cells);
  EXPECT_THAT(cells.ids, ElementsAre(6, 6, 6));
}

TEST(BiasFeatures, AGridHasRowsAndColumns) {
  const BiasFeatures bias =
      Features({.features = {"row", "column", "row x column"}, .positions = 12, .columns = 4});
  EXPECT_EQ(bias.rows(), 1u + 4 + 5 + 4 * 5);
  const std::vector<uint32_t> query_of = {0, 0};
  const std::vector<uint16_t> positions = {7, 0};  // the second row, the third column
  features::Bags cells;
  bias.Cells(Queries(), query_of, positions, &cells);
  EXPECT_THAT(cells.ids, ElementsAre(1 + 2, 5 + 3, 10 + 2 * 5 + 3, 1, 5, 10));
  EXPECT_THAT(cells.offsets, ElementsAre(0, 3, 6));
}

TEST(BiasFeatures, OthersAreRefusedWithTheKnownNames) {
  EXPECT_THAT(WhyNot({.features = {"position x devise"}}),
              testing::AllOf(HasSubstr("\"devise\""), HasSubstr("known: position, row, column"),
                             HasSubstr("device")));
  EXPECT_THAT(WhyNot({.features = {"watched_items"}}), HasSubstr("with one value"));
  EXPECT_THAT(WhyNot({.features = {"item"}}), HasSubstr("feature of the request"));
  EXPECT_THAT(WhyNot({.features = {"column"}}), HasSubstr("columns = 4"));
  EXPECT_THAT(WhyNot({.features = {}}), HasSubstr("found none"));
  EXPECT_THAT(WhyNot({.features = {"position x device"}}, /*rows=*/4'000'000'000u),
              HasSubstr("at most 4194304 cells"));
}

TEST(BiasFeatures, OneAtLeastIsOfThePositionAndNoneComesTwice) {
  EXPECT_THAT(WhyNot({.features = {"device"}}),
              testing::AllOf(HasSubstr("\"position\", \"row\" or \"column\""),
                             HasSubstr("found \"device\"")));
  EXPECT_EQ(WhyNot({.features = {"position", "device"}}), "made");
  EXPECT_THAT(WhyNot({.features = {"position x position"}}), HasSubstr("\"position\" twice in"));
  EXPECT_THAT(WhyNot({.features = {"position x device", "device x position"}}),
              HasSubstr("\"device x position\" again"));
}

BiasOptions Read(const std::string& toml, std::string* error) {
  const auto config = base::Config::Parse(toml, "test");
  EXPECT_TRUE(config);
  const BiasOptions options = BiasOptions::FromConfig(config->Table("bias"));
  const Status checked = config->Check();
  *error = checked ? "" : checked.error().message;
  return options;
}

TEST(BiasOptions, AMethodReadsItsOwnKeysAlone) {
  std::string error;
  EXPECT_EQ(Read("", &error).method, BiasMethod::kNone);
  EXPECT_EQ(error, "");
  const BiasOptions tower = Read(
      "[bias]\nmethod = \"tower\"\nfeatures = [\"row\"]\ncolumns = 4\ndropout = 0.2\n", &error);
  EXPECT_EQ(error, "");
  EXPECT_EQ(tower.method, BiasMethod::kTower);
  EXPECT_THAT(tower.features, ElementsAre("row"));
  EXPECT_EQ(tower.columns, 4u);
  EXPECT_EQ(tower.dropout, 0.2f);
  EXPECT_EQ(Read("[bias]\nmethod = \"input\"\nserved_position = 1\n", &error).served_position, 1u);
  EXPECT_EQ(error, "");
  Read("[bias]\nmethod = \"tower\"\nserved_position = 1\n", &error);
  EXPECT_THAT(error, HasSubstr("served_position"));
  Read("[bias]\nmethod = \"adversarial\"\ndropout = 0.1\n", &error);
  EXPECT_THAT(error, HasSubstr("dropout"));
  Read("[bias]\ndropout = 0.1\n", &error);
  EXPECT_THAT(error, HasSubstr("dropout"));
  Read("[bias]\nmethod = \"tower\"\nlearning_rate = 0\n", &error);
  EXPECT_THAT(error, HasSubstr("bias.learning_rate: expected a number from 1e-09"));
  Read("[bias]\nmethod = \"input\"\npositions = 10\nserved_position = 11\n", &error);
  EXPECT_THAT(error, HasSubstr("`positions` (10)"));
}

}  // namespace
}  // namespace upnext::ranking
