#include "examples/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "examples/test_world.h"

namespace upnext::examples {
namespace {

using SamplerKind = SamplerOptions::Kind;

features::Vocabulary ZipfVocabulary(size_t items) {
  std::vector<uint64_t> counts(items);
  for (size_t i = 0; i < items; ++i) counts[i] = 10'000 / (i + 1) + 1;
  return features::Vocabulary::Learn(counts, items);
}

TEST(NegativeSampler, CG14_DrawsFollowQByChiSquare) {
  const features::Vocabulary vocabulary = ZipfVocabulary(200);
  for (const SamplerKind kind :
       {SamplerKind::kUniform, SamplerKind::kLogUniform, SamplerKind::kPower}) {
    const NegativeSampler sampler({.kind = kind, .alpha = 0.75}, vocabulary);
    constexpr size_t kDraws = 400'000;
    base::Rng rng(7, static_cast<uint64_t>(kind));
    std::vector<uint32_t> rows;
    sampler.Draw(kDraws, rng, &rows);
    ASSERT_EQ(rows.size(), kDraws);
    std::vector<double> seen(vocabulary.rows());
    for (const uint32_t row : rows) ++seen[row];
    EXPECT_EQ(seen[0], 0);
    double chi_square = 0;
    for (uint32_t row = 1; row < vocabulary.rows(); ++row) {
      const double expected = kDraws * sampler.Probability(row);
      ASSERT_GT(expected, 5);
      chi_square += (seen[row] - expected) * (seen[row] - expected) / expected;
    }
    // 199 degrees of freedom: mean 199, standard deviation 20; five of them either way.
    EXPECT_LT(chi_square, 299) << static_cast<int>(kind);
    EXPECT_GT(chi_square, 99) << static_cast<int>(kind);
  }
}

TEST(NegativeSampler, CG14_QIsWhatTheKindsSay) {
  const features::Vocabulary vocabulary = ZipfVocabulary(50);
  const NegativeSampler uniform({.kind = SamplerKind::kUniform}, vocabulary);
  const NegativeSampler log_uniform({.kind = SamplerKind::kLogUniform}, vocabulary);
  const NegativeSampler power({.kind = SamplerKind::kPower, .alpha = 0.5}, vocabulary);
  double sum = 0;
  for (uint32_t row = 1; row <= 50; ++row) {
    EXPECT_NEAR(uniform.Probability(row), 1.0 / 50, 1e-12);
    EXPECT_NEAR(log_uniform.Probability(row), std::log((row + 1.0) / row) / std::log(51.0), 1e-12);
    EXPECT_NEAR(power.Probability(row) / power.Probability(1),
                std::sqrt(static_cast<double>(vocabulary.count(row)) /
                          static_cast<double>(vocabulary.count(1))),
                1e-9);
    sum += power.Probability(row);
  }
  EXPECT_NEAR(sum, 1, 1e-12);
  EXPECT_EQ(power.Probability(0), 0);
}

TEST(NegativeSampler, CG13_LogExpectedCountIsTheLogarithmOfDrawsTimesQ) {
  const NegativeSampler sampler({.kind = SamplerKind::kPower}, ZipfVocabulary(50));
  EXPECT_NEAR(sampler.LogExpectedCount(3, 4096), std::log(4096 * sampler.Probability(3)), 1e-5);
  EXPECT_TRUE(std::isinf(sampler.LogExpectedCount(0, 4096)));
}

TEST(NegativeSampler, SameSeedSameDrawsAndAnEmptyVocabularyDrawsNothing) {
  const NegativeSampler sampler({}, ZipfVocabulary(50));
  std::vector<uint32_t> first, second;
  base::Rng a(3), b(3);
  sampler.Draw(1000, a, &first);
  sampler.Draw(1000, b, &second);
  EXPECT_EQ(first, second);
  const NegativeSampler empty({}, features::Vocabulary());
  empty.Draw(1000, a, &first);
  EXPECT_TRUE(first.empty());
}

TEST(NegativeSampler, OneItemIsAlwaysDrawn) {
  const NegativeSampler sampler({}, ZipfVocabulary(1));
  base::Rng rng(1);
  std::vector<uint32_t> rows;
  sampler.Draw(10, rng, &rows);
  EXPECT_THAT(rows, ::testing::Each(1u));
}

TEST(SamplerOptions, ReadsTheProjectFile) {
  base::Config config = World::Value(base::Config::Parse(
      "[retrieval]\nsampler = \"log-uniform\"\nsampler_alpha = 0.5\n", "test.toml"));
  const SamplerOptions options = SamplerOptions::FromConfig(config.Table("retrieval"));
  EXPECT_TRUE(config.Check());
  EXPECT_EQ(options.kind, SamplerKind::kLogUniform);
  EXPECT_EQ(options.alpha, 0.5);
}

}  // namespace
}  // namespace upnext::examples
