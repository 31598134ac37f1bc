#include "nn/embedding_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

#include "nn/parameter.h"

namespace upnext::nn {
namespace {

using ::testing::ElementsAre;

std::vector<float> Values(EmbeddingTable& table) {
  std::vector<Parameter> parameters;
  table.AppendParameters("table", parameters);
  std::vector<float> scratch;
  const auto values = ReadValues(parameters[0], 0, parameters[0].size(), scratch);
  return {values.begin(), values.end()};
}

TEST(EmbeddingTable, InBf16ItStartsWithTheSameValuesRounded) {
  base::Rng rng(3), same(3);
  EmbeddingTable wide({.rows = 20, .dim = 6}, rng);
  EmbeddingTable half({.rows = 20, .dim = 6, .half = true}, same);
  EXPECT_TRUE(half.is_half());
  EXPECT_FALSE(wide.is_half());
  const auto of_wide = Values(wide), of_half = Values(half);
  ASSERT_EQ(of_half.size(), of_wide.size());
  for (size_t i = 0; i < of_wide.size(); ++i) {
    EXPECT_EQ(of_half[i], kernels::ToFloat(kernels::ToBf16(of_wide[i])));
  }
}

TEST(EmbeddingTable, WidenedItHoldsTheSameValuesInFp32) {
  base::Rng rng(3);
  EmbeddingTable table({.rows = 20, .dim = 6, .half = true}, rng);
  table.SetRow(4, std::vector<float>{1, 2, 3, 4, 5, 1.00001f});
  table.SetRow(0, std::vector<float>(6, 1.0f));  // has no effect
  const auto before = Values(table);
  EmbeddingTable copy = table.Widened();
  EXPECT_EQ(Values(copy), before);
  table.Widen();
  EXPECT_FALSE(table.is_half());
  EXPECT_EQ(Values(table), before);
  EXPECT_THAT(table.Row(4), ElementsAre(1, 2, 3, 4, 5, 1));
  EXPECT_THAT(table.Row(0), ElementsAre(0, 0, 0, 0, 0, 0));
}

TEST(Parameter, Bf16ReadAndWrittenAsFloats) {
  std::array<kernels::Bf16, 5> half{};
  const Parameter parameter{.name = "p", .shape = {5}, .half = half};
  EXPECT_EQ(parameter.size(), 5u);
  EXPECT_EQ(parameter.bytes(), 10u);
  WriteValues(parameter, 1, std::vector<float>{1.5f, -2.0f});
  std::vector<float> scratch;
  EXPECT_THAT(ReadValues(parameter, 0, 4, scratch), ElementsAre(0, 1.5f, -2.0f, 0));
  EXPECT_TRUE(IsFinite(parameter));
  WriteValues(parameter, 4, std::vector<float>{NAN});
  EXPECT_FALSE(IsFinite(parameter));
}

}  // namespace
}  // namespace upnext::nn
