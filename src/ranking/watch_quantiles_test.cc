#include "ranking/watch_quantiles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <vector>

#include "base/rng.h"
#include "base/test_folder.h"

namespace upnext::ranking {
namespace {

using Watch = WatchQuantiles::Watch;
using ::testing::HasSubstr;

const float kUnknown = std::nanf("");

TEST(WatchQuantiles, HandComputedWithTiesInTheMiddleOfTheirShare) {
  // Two buckets: 0, 0, 10, 20 of 60 s; 100, 300 of 600 s and 300, 500 of 900 s.
  const WatchQuantiles map = WatchQuantiles::Learn(
      {{60, 20}, {600, 100}, {60, 0}, {900, 500}, {60, 0}, {600, 300}, {60, 10}, {900, 300}}, 2);
  EXPECT_EQ(map.buckets(), 2u);
  EXPECT_FLOAT_EQ(map.Quantile(60, 0), 0.25f);
  EXPECT_FLOAT_EQ(map.Quantile(60, 10), 0.625f);
  EXPECT_FLOAT_EQ(map.Quantile(60, 20), 0.875f);
  EXPECT_FLOAT_EQ(map.Quantile(60, 5), 0.4375f) << "half way from .25 to .625";
  EXPECT_FLOAT_EQ(map.Quantile(60, 90), 0.875f) << "beyond the longest watch";
  EXPECT_FLOAT_EQ(map.Quantile(599, 10), 0.625f) << "the bucket ends where the next begins";
  EXPECT_FLOAT_EQ(map.Quantile(1, 10), 0.625f) << "shorter than the training part has";
  EXPECT_FLOAT_EQ(map.Quantile(600, 100), 0.125f);
  EXPECT_FLOAT_EQ(map.Quantile(1e6f, 300), 0.5f);
  EXPECT_FLOAT_EQ(map.Seconds(60, 0.4375f), 5);
  EXPECT_FLOAT_EQ(map.Seconds(60, 0.01f), 0);
  EXPECT_FLOAT_EQ(map.Seconds(900, 0.5f), 300);
  EXPECT_FLOAT_EQ(map.Seconds(900, 1), 500);
}

TEST(WatchQuantiles, UnknownDurationsAreABucketOfTheirOwnElseThatOfAllWatches) {
  std::vector<Watch> watches = {{60, 10}, {60, 20}, {600, 300}, {600, 400}};
  const WatchQuantiles without = WatchQuantiles::Learn(watches, 2);
  EXPECT_FLOAT_EQ(without.Quantile(kUnknown, 10), 0.125f);
  EXPECT_FLOAT_EQ(without.Quantile(0, 400), 0.875f);
  watches.push_back({kUnknown, 50});
  watches.push_back({0, 70});
  const WatchQuantiles with = WatchQuantiles::Learn(watches, 2);
  EXPECT_FLOAT_EQ(with.Quantile(kUnknown, 50), 0.25f);
  EXPECT_FLOAT_EQ(with.Seconds(-1, 0.75f), 70);
  EXPECT_FLOAT_EQ(with.Quantile(60, 10), 0.25f);
  const WatchQuantiles none = WatchQuantiles::Learn({{kUnknown, 1}, {kUnknown, 2}}, 30);
  EXPECT_EQ(none.buckets(), 0u);
  EXPECT_FLOAT_EQ(none.Quantile(60, 2), 0.75f) << "no duration was known in training";
  EXPECT_TRUE(WatchQuantiles::Learn({}, 30).empty());
}

TEST(WatchQuantiles, BucketsHaveEqualNumbersOfWatchesAndFewerWhereDurationsAreEqual) {
  std::vector<Watch> watches;
  for (int i = 0; i < 900; ++i) watches.push_back({i < 300 ? 30.0f : static_cast<float>(i), 1});
  EXPECT_EQ(WatchQuantiles::Learn(watches, 3).buckets(), 3u);
  EXPECT_EQ(WatchQuantiles::Learn(watches, 9).buckets(), 7u) << "a third has one duration";
}

TEST(WatchQuantiles, QuantilesAreEvenlySpreadAndComeBackAsTheSameSeconds) {
  base::Rng rng(3);
  std::vector<Watch> watches;
  for (int i = 0; i < 20'000; ++i) {
    const double duration = 10 + 1000 * rng.Uniform();
    watches.push_back({static_cast<float>(duration),
                       rng.Below(4) == 0 ? 0.0f : static_cast<float>(duration * rng.Uniform())});
  }
  const WatchQuantiles map = WatchQuantiles::Learn(watches, 10);
  EXPECT_EQ(map.buckets(), 10u);
  double sum = 0, below = 0;
  for (const Watch& watch : watches) {
    const float quantile = map.Quantile(watch.duration_s, watch.watch_s);
    EXPECT_GT(quantile, 0);
    EXPECT_LT(quantile, 1);
    EXPECT_NEAR(map.Seconds(watch.duration_s, quantile), watch.watch_s,
                1e-4f * (1 + watch.watch_s));
    sum += static_cast<double>(quantile);
    below += quantile < 0.7f ? 1 : 0;
  }
  EXPECT_NEAR(sum / 20'000, 0.5, 1e-3);
  EXPECT_NEAR(below / 20'000, 0.7, 0.01);
}

class WatchQuantilesFile : public ::testing::Test {
 protected:
  Result<WatchQuantiles> Read(const std::function<Status(base::SectionWriter&)>& write) {
    const std::filesystem::path path = folder_ / "map.uxs";
    auto writer = base::SectionWriter::Create(path, "test", 1);
    EXPECT_TRUE(write(*writer));
    EXPECT_TRUE(writer->Commit());
    const auto file = base::SectionFile::Open(path, "test", 1);
    EXPECT_TRUE(file);
    return WatchQuantiles::Load(*file, "map");
  }
  base::TestFolder folder_;
};

TEST_F(WatchQuantilesFile, ComesBackToTheByte) {
  base::Rng rng(3);
  std::vector<Watch> watches;
  for (int i = 0; i < 2'000; ++i) {
    watches.push_back({i % 9 == 0 ? kUnknown : static_cast<float>(10 + rng.Below(500)),
                       static_cast<float>(90 * rng.Uniform())});
  }
  const WatchQuantiles map = WatchQuantiles::Learn(watches, 10);
  const auto read = Read([&](base::SectionWriter& writer) { return map.Save(writer, "map"); });
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->buckets(), map.buckets());
  for (const Watch& watch : watches) {
    const float quantile = map.Quantile(watch.duration_s, watch.watch_s);
    EXPECT_EQ(read->Quantile(watch.duration_s, watch.watch_s), quantile);
    EXPECT_EQ(read->Seconds(watch.duration_s, quantile), map.Seconds(watch.duration_s, quantile));
  }
}

TEST_F(WatchQuantilesFile, WhatSaveCouldNotHaveWrittenIsRefused) {
  struct Parts {
    std::vector<float> durations = {10, 20};
    std::vector<uint32_t> sizes = {1, 2, 1};
    std::vector<float> seconds = {5, 6, 7, 8}, quantiles = {0.5f, 0.2f, 0.8f, 0.5f};
  };
  const auto read = [&](const std::function<void(Parts&)>& change) {
    Parts parts;
    change(parts);
    return Read([&](base::SectionWriter& writer) -> Status {
      UPNEXT_RETURN_IF_ERROR(writer.Add("map.durations", parts.durations));
      UPNEXT_RETURN_IF_ERROR(writer.Add("map.sizes", parts.sizes));
      UPNEXT_RETURN_IF_ERROR(writer.Add("map.seconds", parts.seconds));
      return writer.Add("map.quantiles", parts.quantiles);
    });
  };
  EXPECT_TRUE(read([](Parts&) {}));
  const std::function<void(Parts&)> changes[] = {
      [](Parts& parts) { parts.durations = {20, 10}; },
      [](Parts& parts) { parts.durations = {0, 10}; },
      [](Parts& parts) { parts.durations = {10, kUnknown}; },
      [](Parts& parts) { parts.durations = {10}; },
      [](Parts& parts) { parts.sizes = {1, 2, 2}; },
      [](Parts& parts) { parts.sizes = {0, 3, 1}; },
      [](Parts& parts) { parts.sizes = {4294967295u, 4, 1}; },
      [](Parts& parts) { parts.sizes = {}; },
      [](Parts& parts) { parts.seconds[2] = 6; },
      [](Parts& parts) { parts.seconds[0] = -1; },
      [](Parts& parts) { parts.seconds.pop_back(); },
      [](Parts& parts) { parts.quantiles[2] = 1.5f; },
      [](Parts& parts) { parts.quantiles[1] = 0.9f; },
      [](Parts& parts) { parts.quantiles[0] = kUnknown; },
  };
  for (size_t i = 0; i < std::size(changes); ++i) {
    const auto refused = read(changes[i]);
    ASSERT_FALSE(refused) << "change " << i;
    EXPECT_EQ(refused.error().code, Code::kDataLoss);
    EXPECT_THAT(refused.error().message, HasSubstr("train again"));
  }
}

}  // namespace
}  // namespace upnext::ranking
