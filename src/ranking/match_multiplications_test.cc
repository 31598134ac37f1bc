#include "ranking/match_multiplications.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>

#include "base/config.h"
#include "ranking/test_batches.h"

namespace upnext::ranking {
namespace {

const NetShape kShape = {.input = {.query = 120, .impression = 200}, .outputs = {1, 1, 1, 1}};

ArchitectureOptions Usual(const std::string& name) { return {.name = name, .task_widths = {32}}; }

size_t Count(const ArchitectureOptions& options) {
  const Result<size_t> count = MultiplicationsOf(options, kShape);
  if (!count) ADD_FAILURE() << count.error().message;
  return count.value_or(0);
}

TEST(MatchMultiplications, MT05_CountsAreThoseOfKnownShapes) {
  EXPECT_EQ(Count({.name = "linear"}), 320u * 4);
  EXPECT_EQ(Count({.name = "tower", .widths = {256, 128}}), 320u * 256 + 256 * 128 + 128 * 4);
  EXPECT_EQ(Count({.name = "shared-bottom", .widths = {64}, .task_widths = {32}}),
            320u * 64 + 4 * (64 * 32 + 32));
  // Experts, gates, and the vectors of the experts times the weights of each gate.
  EXPECT_EQ(Count({.name = "mmoe",
                   .widths = {64},
                   .task_widths = {32},
                   .experts = 8,
                   .expert_widths = {48}}),
            320u * 64 + 8 * 64 * 48 + 4 * (64 * 8 + 8 * 48) + 4 * (48 * 32 + 32));
}

TEST(MatchMultiplications, MT02_EachArchitectureComesWithinTwoPercentOfEachOther) {
  for (const std::string of : {"tower", "shared-bottom", "mmoe", "ple"}) {
    for (const size_t percent : {30, 100, 400}) {
      const size_t wanted = Count(Usual(of)) * percent / 100;
      for (const std::string sized : {"tower", "shared-bottom", "mmoe", "ple"}) {
        const auto options = MatchMultiplications(Usual(sized), wanted, kShape);
        ASSERT_TRUE(options) << options.error().message;
        EXPECT_NEAR(static_cast<double>(Count(*options)), static_cast<double>(wanted),
                    0.02 * static_cast<double>(wanted))
            << sized << " to " << percent << " % of " << of;
        EXPECT_EQ(options->experts, Usual(sized).experts);
      }
    }
  }
}

TEST(MatchMultiplications, MT02_NarrowNetsMatchToo) {
  const ArchitectureOptions narrow = {.name = "shared-bottom", .widths = {40}, .task_widths = {40}};
  for (size_t percent = 101; percent < 200; ++percent) {
    const size_t wanted = Count(narrow) * percent / 100;
    const auto options = MatchMultiplications(narrow, wanted, kShape);
    EXPECT_TRUE(options) << percent << ": " << options.error().message;
  }
}

TEST(MatchMultiplications, RefusesWhatNoWidthsReach) {
  const auto linear = MatchMultiplications({.name = "linear"}, 100'000, kShape);
  ASSERT_FALSE(linear);
  EXPECT_THAT(linear.error().message,
              testing::HasSubstr("\"linear\" cannot have 100000 multiplications"));
  EXPECT_THAT(linear.error().message, testing::HasSubstr("the closest sizes have 1280"));
  EXPECT_FALSE(MatchMultiplications(Usual("tower"), 3, kShape));
}

TEST(MatchMultiplications, ARankerIsSizedToTheArchitectureOfItsMatch) {
  const ArchitectureOptions mmoe = {
      .name = "mmoe", .widths = {64}, .task_widths = {8}, .experts = 4, .expert_widths = {32}};
  const Ranker sized =
      MakeRanker({.architecture = {.name = "shared-bottom", .widths = {16}, .task_widths = {8}},
                  .match = mmoe},
                 AllObjectives());
  const Ranker other = MakeRanker({.architecture = mmoe}, AllObjectives());
  const auto wanted = static_cast<double>(other.multiplications());
  EXPECT_NEAR(static_cast<double>(sized.multiplications()), wanted, 0.02 * wanted);
  EXPECT_EQ(sized.options().architecture.name, "shared-bottom");
  EXPECT_GT(sized.options().architecture.widths[0], 16u);
  EXPECT_EQ(sized.options().match.name, "") << "its own sizes are final";
}

TEST(MatchMultiplications, TheProjectFileNamesTheOtherArchitecture) {
  const auto config = base::Config::Parse(
      "[ranking]\narchitecture = \"shared-bottom\"\n"
      "[ranking.match]\narchitecture = \"mmoe\"\nexperts = 5\n",
      "test");
  ASSERT_TRUE(config);
  const RankerOptions options = RankerOptions::FromConfig(config->Table("ranking"));
  EXPECT_TRUE(config->Check()) << config->Check().error().message;
  EXPECT_EQ(options.architecture.name, "shared-bottom");
  EXPECT_EQ(options.match.name, "mmoe");
  EXPECT_EQ(options.match.experts, 5u);
}

TEST(DescribeArchitecture, NamesTheSizesThatItHas) {
  EXPECT_EQ(Describe({.name = "linear"}), "linear");
  EXPECT_EQ(Describe({.name = "tower"}), "tower 256-128");
  EXPECT_EQ(Describe({.name = "mmoe", .task_widths = {32}}),
            "mmoe 256-128, 8 experts 64, tasks 32");
  EXPECT_EQ(Describe({.name = "ple", .task_widths = {32}}),
            "ple 256-128, 8 experts and 2 of each task 64, levels 1, tasks 32");
}

}  // namespace
}  // namespace upnext::ranking
