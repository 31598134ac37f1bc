#include "simulator/catalogue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "base/rng.h"
#include "simulator/popularity.h"

namespace upnext::simulator {
namespace {

WorldOptions CatalogueWorld() {
  WorldOptions options;
  options.items = 4000;
  options.days = 20;
  options.seed = 5;
  return options;
}

TEST(Catalogue, ItemsAreInTheOrderOfUploadBeforeAndDuringTheWindow) {
  const WorldOptions options = CatalogueWorld();
  const Catalogue catalogue = Catalogue::Create(options);
  ASSERT_EQ(catalogue.size(), options.items);
  uint32_t in_window = 0;
  std::set<int64_t> days;
  for (uint32_t id = 0; id < catalogue.size(); ++id) {
    const int64_t created = catalogue.item(id).created_ms;
    if (id > 0) {
      EXPECT_LE(catalogue.item(id - 1).created_ms, created);
    }
    EXPECT_LT(created, options.end_ms());
    if (created < options.start_ms()) continue;
    ++in_window;
    days.insert((created - options.start_ms()) / 86'400'000);
  }
  // Series begun before the window reach into it, so the share lies a little above the planted one.
  EXPECT_NEAR(in_window / 4000.0, options.catalogue.window_share, 0.06);
  EXPECT_EQ(days.size(), 20u);
  EXPECT_EQ(catalogue.CountAt(catalogue.item(100).created_ms - 1), 100u);
  EXPECT_EQ(catalogue.CountAt(options.end_ms()), catalogue.size());
}

TEST(Catalogue, EpisodesFollowEachOtherInTimeWithinAChannel) {
  const Catalogue catalogue = Catalogue::Create(CatalogueWorld());
  uint32_t links = 0;
  for (uint32_t id = 0; id < catalogue.size(); ++id) {
    const Item& item = catalogue.item(id);
    if (item.next == kNoItem) continue;
    ++links;
    const Item& next = catalogue.item(item.next);
    EXPECT_GT(item.next, id);
    EXPECT_EQ(next.channel, item.channel);
    EXPECT_EQ(next.subject, item.subject);
    EXPECT_EQ(next.episode, item.episode + 1);
    EXPECT_NE(catalogue.Title(item.next).find(std::to_string(next.episode)), std::string::npos);
  }
  EXPECT_GT(links, catalogue.size() / 2);
}

TEST(Catalogue, QualityAndClickbaitAreSeparateDimensionsWithUnitVariance) {
  WorldOptions options = CatalogueWorld();
  options.items = 20000;
  const Catalogue catalogue = Catalogue::Create(options);
  double q = 0, c = 0, qq = 0, cc = 0, qc = 0;
  for (const Item& item : catalogue.items()) {
    const double quality = static_cast<double>(item.quality),
                 clickbait = static_cast<double>(item.clickbait);
    q += quality, c += clickbait, qq += quality * quality, cc += clickbait * clickbait,
        qc += quality * clickbait;
    EXPECT_GE(item.duration_s, 15.0f);
    EXPECT_LE(item.duration_s, 7200.0f);
  }
  const double n = catalogue.size();
  const double variance_q = qq / n - q / n * (q / n), variance_c = cc / n - c / n * (c / n);
  // Channels share their part of both, so a thousand channels leave some noise.
  EXPECT_NEAR(variance_q, 1, 0.12);
  EXPECT_NEAR(variance_c, 1, 0.12);
  EXPECT_NEAR((qc / n - q / n * (c / n)) / std::sqrt(variance_q * variance_c), 0, 0.08);
}

TEST(Popularity, BaseFollowsThePlantedZipfLaw) {
  const WorldOptions options = CatalogueWorld();
  const Catalogue catalogue = Catalogue::Create(options);
  std::vector<double> base;
  double total = 0;
  for (const Item& item : catalogue.items()) {
    base.push_back(static_cast<double>(item.base_popularity));
    total += base.back();
  }
  std::sort(base.rbegin(), base.rend());
  EXPECT_NEAR(total / catalogue.size(), 1, 1e-4);
  const double shift = options.catalogue.zipf_shift;
  EXPECT_NEAR(std::log(base[0] / base[999]) / std::log((1000 + shift) / (1 + shift)),
              options.catalogue.zipf_exponent, 1e-3);
}

TEST(Popularity, UploadsBurstAndDecay) {
  const WorldOptions options = CatalogueWorld();
  const Catalogue catalogue = Catalogue::Create(options);
  const Popularity popularity = Popularity::Create(catalogue, options);
  ASSERT_EQ(popularity.slices(), 80u);
  uint32_t fresh =
      catalogue.CountAt(options.start_ms() + 86'400'000);  // uploaded on the second day
  const Item& item = catalogue.item(fresh);
  EXPECT_EQ(popularity.WeightAt(fresh, 0), 0);
  const size_t first = popularity.SliceAt(item.created_ms) + 1;
  const double base = static_cast<double>(item.base_popularity);
  EXPECT_GT(popularity.WeightAt(fresh, first) / base, 8);
  EXPECT_NEAR((popularity.WeightAt(fresh, first + 12) / base - 1) /
                  (popularity.WeightAt(fresh, first) / base - 1),
              std::exp(-1.0), 1e-6);  // 12 slices of 6 hours are the 3 days of burst_days
}

// The running sums, which factor time and item, add up to the weights, which do not.
TEST(Popularity, TotalsAreTheSumsOfTheWeightsInEveryCell) {
  WorldOptions options = CatalogueWorld();
  for (const double burst_days : {3.0, 0.05, 100.0}) {
    options.catalogue.burst_days = burst_days;
    const Catalogue catalogue = Catalogue::Create(options);
    const Popularity popularity = Popularity::Create(catalogue, options);
    for (const size_t slice : {size_t{0}, size_t{37}, size_t{79}}) {
      double all = 0;
      for (uint32_t cell = 0; cell < 5 * options.catalogue.topics; ++cell) {
        const uint32_t language = cell / options.catalogue.topics;
        const uint32_t topic = cell % options.catalogue.topics;
        double sum = 0;
        for (uint32_t id = 0; id < popularity.CountAt(slice); ++id) {
          const Item& item = catalogue.item(id);
          if (item.language != language) continue;
          sum += Catalogue::TopicShare(item, topic) * popularity.WeightAt(id, slice);
        }
        all += sum;
        EXPECT_NEAR(popularity.Total(popularity.TopicRange(language, topic), slice), sum,
                    1e-9 * (1 + all));
      }
      EXPECT_NEAR(popularity.Total(popularity.All(), slice), all, 1e-9 * all);
    }
  }
}

TEST(Popularity, DrawsFollowTheirProbabilities) {
  WorldOptions options = CatalogueWorld();
  options.items = 400;
  const Catalogue catalogue = Catalogue::Create(options);
  const Popularity popularity = Popularity::Create(catalogue, options);
  base::Rng rng(3);
  const size_t slice = 20;
  for (const auto& [range, topic] :
       {std::pair{popularity.All(), -1}, std::pair{popularity.LanguageRange(0), -1},
        std::pair{popularity.TopicRange(0, 2), 2}}) {
    constexpr int kDraws = 200'000;
    std::vector<int> count(catalogue.size(), 0);
    for (int i = 0; i < kDraws; ++i) {
      const uint32_t item = popularity.Draw(range, slice, rng);
      ASSERT_LT(item, popularity.CountAt(slice));
      ++count[item];
    }
    double chi = 0, total = 0;
    int cells = 0;
    for (uint32_t id = 0; id < catalogue.size(); ++id) {
      const Item& item = catalogue.item(id);
      if (topic >= 0 && item.language != 0) continue;
      if (range.end != popularity.All().end && item.language != 0) continue;
      const double share =
          topic < 0 ? 1.0 : Catalogue::TopicShare(item, static_cast<uint32_t>(topic));
      const double p = popularity.Probability(id, share, range, slice);
      total += p;
      if (p <= 0) {
        EXPECT_EQ(count[id], 0);
        continue;
      }
      chi += std::pow(count[id] - kDraws * p, 2) / (kDraws * p);
      ++cells;
    }
    EXPECT_NEAR(total, 1, 1e-9);
    EXPECT_LT(chi, cells - 1 + 5 * std::sqrt(2.0 * cells))
        << "range " << range.begin << ".." << range.end;
  }
}

}  // namespace
}  // namespace upnext::simulator
