#include "features/quantiles.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "base/rng.h"
#include "base/test_folder.h"

namespace upnext::features {
namespace {

std::vector<float> Sample(size_t n, uint64_t seed, const std::function<double(base::Rng&)>& draw) {
  base::Rng rng(seed);
  std::vector<float> sample(n);
  for (float& x : sample) x = static_cast<float>(draw(rng));
  return sample;
}

// Kolmogorov-Smirnov distance of values in [0, 1] to the uniform distribution.
double Distance(std::vector<float> values) {
  std::sort(values.begin(), values.end());
  const double n = static_cast<double>(values.size());
  double distance = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double x = static_cast<double>(values[i]);
    distance = std::max({distance, std::abs(x - static_cast<double>(i) / n),
                         std::abs(x - static_cast<double>(i + 1) / n)});
  }
  return distance;
}

TEST(Quantiles, RK05_UnseenValuesBecomeUniform) {
  const std::function<double(base::Rng&)> shapes[] = {
      [](base::Rng& rng) { return rng.Normal(); },
      [](base::Rng& rng) { return std::exp(3 * rng.Normal()); },
      [](base::Rng& rng) { return -std::log(1 - rng.Uniform()); },
      [](base::Rng& rng) { return rng.Uniform() < 0.5 ? rng.Normal() - 10 : rng.Normal() + 10; },
  };
  for (const auto& draw : shapes) {
    const Quantiles quantiles = Quantiles::Learn(Sample(200'000, 1, draw));
    std::vector<float> normal = Sample(200'000, 2, draw);
    for (float& x : normal) x = quantiles.Normalize(x);
    EXPECT_LT(Distance(normal), 0.01);
  }
}

TEST(Quantiles, RK05_NeverFallsAndStaysBelowOne) {
  // Counts with many ties, beside a long tail.
  const Quantiles quantiles = Quantiles::Learn(Sample(5'000, 3, [](base::Rng& rng) {
    return rng.Uniform() < 0.7 ? static_cast<double>(rng.Below(3)) : std::exp(9 * rng.Uniform());
  }));
  float before = 0;
  for (double x = -10; x < 20'000; x += x < 20 ? 0.01 : 1) {
    const float y = quantiles.Normalize(static_cast<float>(x));
    ASSERT_GE(y, before) << x;
    ASSERT_LT(y, 1.0f);
    before = y;
  }
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(quantiles.Normalize(-infinity), 0.0f);
  EXPECT_LT(quantiles.Normalize(infinity), 1.0f);
  EXPECT_GT(quantiles.Normalize(infinity), 0.999f);
  EXPECT_LT(quantiles.Normalize(std::numeric_limits<float>::max()), 1.0f);
}

TEST(Quantiles, RK05_ASharedValueGetsTheMiddleOfItsShare) {
  std::vector<float> sample(600, 0.0f);
  for (int i = 0; i < 400; ++i) sample.push_back(static_cast<float>(1 + i));
  const Quantiles quantiles = Quantiles::Learn(sample);
  EXPECT_NEAR(quantiles.Normalize(0), 0.3, 0.002);
  EXPECT_NEAR(quantiles.Normalize(200), 0.8, 0.002);
  const Quantiles constant = Quantiles::Learn({7, 7, 7});
  EXPECT_EQ(constant.Normalize(7), 0.5f);
  EXPECT_EQ(constant.Normalize(6), 0.0f);
  EXPECT_GT(constant.Normalize(8), 0.999f);
}

TEST(Quantiles, MissingStaysMissing) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(Quantiles::Learn({1, 2, 3}).Normalize(nan)));
  for (const Quantiles& nothing :
       {Quantiles(), Quantiles::Learn({nan, std::numeric_limits<float>::infinity()})}) {
    EXPECT_TRUE(nothing.empty());
    EXPECT_TRUE(std::isnan(nothing.Normalize(1)));
  }
  EXPECT_EQ(Quantiles::Learn({nan, 1, nan, 3}), Quantiles::Learn({3, 1}));
}

Result<Quantiles> Reload(const std::function<Status(base::SectionWriter&)>& save) {
  const base::TestFolder folder;
  UPNEXT_ASSIGN_OR_RETURN(base::SectionWriter writer,
                          base::SectionWriter::Create(folder / "q", "test", 1));
  UPNEXT_RETURN_IF_ERROR(save(writer));
  UPNEXT_RETURN_IF_ERROR(writer.Commit());
  UPNEXT_ASSIGN_OR_RETURN(base::SectionFile file, base::SectionFile::Open(folder / "q", "test", 1));
  return Quantiles::Load(file, "q");
}

TEST(Quantiles, RK05_SavedAndReloadedIsBitEqual) {
  for (const Quantiles& quantiles :
       {Quantiles::Learn(Sample(999, 4, [](base::Rng& rng) { return rng.Normal(); })),
        Quantiles()}) {
    const Result<Quantiles> loaded =
        Reload([&](base::SectionWriter& writer) { return quantiles.Save(writer, "q"); });
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ(*loaded, quantiles);
  }
}

TEST(Quantiles, LoadRefusesBoundariesThatFallOrAreNotNumbers) {
  const auto load = [](const std::vector<float>& boundaries) {
    return Reload([&](base::SectionWriter& writer) { return writer.Add<float>("q", boundaries); })
        .has_value();
  };
  std::vector<float> boundaries(Quantiles::kBoundaries, 1.0f);
  EXPECT_TRUE(load(boundaries));
  boundaries[500] = 0.5f;
  EXPECT_FALSE(load(boundaries));
  boundaries[500] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(load(boundaries));
  EXPECT_FALSE(load({1, 2, 3}));
}

}  // namespace
}  // namespace upnext::features
