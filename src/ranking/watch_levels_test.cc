#include "ranking/watch_levels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "base/test_folder.h"

namespace upnext::ranking {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::HasSubstr;

constexpr float kSure = 40;  // logit of a probability of 1

TEST(WatchLevels, HandComputed) {
  // Half is not watched; two buckets of the others, of equal widths, since these are spread evenly.
  const WatchLevels learned = WatchLevels::Learn({0, 0, 10, 0, 20, 30, 0, 40}, 3);
  EXPECT_THAT(learned.thresholds(), ElementsAre(0, FloatEq(25)));
  EXPECT_THAT(learned.levels(), ElementsAre(0, 15, 35));
  EXPECT_NEAR(learned.Expectation(std::vector<float>{-kSure, -kSure}), 0, 1e-12);
  EXPECT_FLOAT_EQ(learned.Expectation(std::vector<float>{kSure, -kSure}), 15);
  EXPECT_FLOAT_EQ(learned.Expectation(std::vector<float>{kSure, kSure}), 35);
  EXPECT_FLOAT_EQ(learned.Expectation(std::vector<float>{0, -std::log(3.0f)}),
                  0.5f * 15 + 0.25f * 20);
}

TEST(WatchLevels, TrueSharesGiveTheMeanOfAnySample) {
  base::Rng rng(5);
  std::vector<float> watch_s;
  for (int i = 0; i < 5'000; ++i) {
    const double seconds = rng.Below(3) == 0 ? -30 * std::log(1 - rng.Uniform()) : 0;
    watch_s.push_back(static_cast<float>(std::min(seconds, 90.0)));
  }
  const double mean = std::accumulate(watch_s.begin(), watch_s.end(), 0.0) / 5'000;
  for (const size_t buckets : {2u, 5u, 32u}) {
    const WatchLevels learned = WatchLevels::Learn(watch_s, buckets);
    EXPECT_EQ(learned.outputs(), buckets - 1);
    EXPECT_EQ(learned.thresholds().front(), 0);
    EXPECT_LT(learned.thresholds().back(), 90);
    std::vector<float> logits;
    for (const float threshold : learned.thresholds()) {
      const auto above = static_cast<double>(
          std::ranges::count_if(watch_s, [&](float s) { return s > threshold; }));
      logits.push_back(static_cast<float>(std::log(above / (5'000 - above))));
    }
    EXPECT_NEAR(learned.Expectation(logits), mean, 1e-3) << buckets;
  }
}

// The mean squared width of a bucket around its watches, and the share of the smallest bucket.
std::pair<double, double> ErrorAndLeastShare(std::vector<float> watch_s,
                                             const std::vector<float>& thresholds) {
  std::ranges::sort(watch_s);
  const auto n = static_cast<double>(watch_s.size());
  double error = 0, least = 1;
  auto begin = watch_s.begin();
  for (size_t k = 0; k <= thresholds.size(); ++k) {
    const auto end =
        k < thresholds.size() ? std::ranges::upper_bound(watch_s, thresholds[k]) : watch_s.end();
    const auto size = static_cast<double>(end - begin);
    least = std::min(least, size / n);
    const double mean = size > 0 ? std::accumulate(begin, end, 0.0) / size : 0;
    for (; begin != end; ++begin) error += (*begin - mean) * (*begin - mean) / n;
  }
  return {error, least};
}

TEST(WatchLevels, ThresholdsLieBetweenEqualWidthsAndEqualNumbers) {
  base::Rng rng(5);
  std::vector<float> watch_s = {0};
  for (int i = 0; i < 20'000; ++i) {
    const double seconds = -40 * std::log(1 - rng.Uniform());
    if (seconds < 300) watch_s.push_back(static_cast<float>(seconds));
  }
  constexpr size_t kBuckets = 12;
  const WatchLevels learned = WatchLevels::Learn(watch_s, kBuckets);
  std::vector<float> sorted = watch_s, widths = {0}, numbers = {0};
  std::ranges::sort(sorted);
  for (size_t k = 1; k + 1 < kBuckets; ++k) {
    widths.push_back(sorted.back() * static_cast<float>(k) / (kBuckets - 1));
    numbers.push_back(sorted[sorted.size() * k / (kBuckets - 1)]);
  }
  const auto of = [&](std::span<const float> thresholds) {
    return ErrorAndLeastShare(watch_s, {thresholds.begin(), thresholds.end()});
  };
  const auto [error, share] = of(learned.thresholds().subspan(1));
  EXPECT_LT(error, 0.6 * of(std::span(widths).subspan(1)).first);
  EXPECT_LT(error, 0.6 * of(std::span(numbers).subspan(1)).first);
  EXPECT_GT(share, of(std::span(widths).subspan(1)).second);
  for (size_t k = 1; k + 1 < kBuckets; ++k) {
    EXPECT_GT(learned.thresholds()[k], numbers[k]) << k;
    EXPECT_LT(learned.thresholds()[k], widths[k]) << k;
  }
}

TEST(WatchLevels, WhatIsWatchedForSureIsTheShortestWatch) {
  const WatchLevels learned = WatchLevels::Learn({10, 10, 20, 30}, 3);
  ASSERT_EQ(learned.levels().front(), 10);
  EXPECT_FLOAT_EQ(learned.Expectation(std::vector<float>(learned.outputs(), -90)), 10);
  EXPECT_FLOAT_EQ(learned.Expectation(std::vector<float>(learned.outputs(), 90)),
                  learned.levels().back());
}

TEST(WatchLevels, FewDifferentWatchTimesHaveFewerBucketsAndEqualOnesNone) {
  const WatchLevels two = WatchLevels::Learn({0, 7, 0, 7, 7}, 32);
  EXPECT_THAT(two.thresholds(), ElementsAre(0));
  EXPECT_THAT(two.levels(), ElementsAre(0, 7));
  EXPECT_TRUE(WatchLevels::Learn({3, 3, 3}, 32).empty());
  EXPECT_TRUE(WatchLevels::Learn({}, 32).empty());
}

TEST(WatchLevels, AreReadBackAndWhatSaveCouldNotHaveWrittenIsRefused) {
  const base::TestFolder folder;
  const auto read = [&](const std::vector<float>& thresholds, const std::vector<float>& levels) {
    const std::filesystem::path path = folder / "levels.uxs";
    auto writer = base::SectionWriter::Create(path, "test", 1);
    EXPECT_TRUE(writer->Add("x.thresholds", thresholds) && writer->Add("x.levels", levels));
    EXPECT_TRUE(writer->Commit());
    const auto file = base::SectionFile::Open(path, "test", 1);
    return WatchLevels::Load(*file, "x");
  };
  const WatchLevels learned = WatchLevels::Learn({0, 0, 10, 0, 20, 30, 0, 40}, 3);
  const auto same = read({learned.thresholds().begin(), learned.thresholds().end()},
                         {learned.levels().begin(), learned.levels().end()});
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_THAT(same->thresholds(), testing::ElementsAreArray(learned.thresholds()));
  EXPECT_THAT(same->levels(), testing::ElementsAreArray(learned.levels()));
  const float nan = std::nanf("");
  const std::pair<std::vector<float>, std::vector<float>> refused[] = {{{}, {1}},
                                                                       {{0, 25}, {0, 15}},
                                                                       {{25, 0}, {0, 15, 35}},
                                                                       {{0, 25}, {0, 30, 35}},
                                                                       {{0, 25}, {-1, 15, 35}},
                                                                       {{0, nan}, {0, 15, 35}},
                                                                       {{0, 25}, {0, 15, INFINITY}},
                                                                       {{0, 25}, {0, 15, nan}},
                                                                       {{0, 0}, {0, 0, 1}}};
  for (const auto& [thresholds, levels] : refused) {
    const auto result = read(thresholds, levels);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::kDataLoss);
    EXPECT_THAT(result.error().message, HasSubstr("train again"));
  }
}

}  // namespace
}  // namespace upnext::ranking
