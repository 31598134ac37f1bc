// That a feature of the language pays: impressions whose clicks follow what it reads, and the loss of
// rankers with it and without it on days that were not seen.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "base/rng.h"
#include "examples/ranking_stream.h"
#include "examples/test_world.h"
#include "features/feature_spec.h"
#include "ranking/ranker_training.h"
#include "ranking/test_batches.h"
#include "schema/event.h"

namespace upnext::ranking {
namespace {

using schema::EventType;

// Mean log loss of clicks in the test part.
double LossWith(const examples::World& world, const std::string& feature) {
  features::FeatureSpec spec{.defaults = false,
                             .retrieval = {{"device", "request.device", ""}},
                             .ranking = {{"source", "request.source", ""}}};
  if (!feature.empty()) spec.ranking.push_back({"x", feature, ""});
  const features::FeatureStatistics tables = world.Learn(spec);
  const RankerOptions options{.architecture = {.name = "tower", .widths = {16}}, .dim_scale = 3};
  const RankerTrainOptions train{.batch = 128, .epochs = 12, .learning_rate = 5e-3f, .bf16 = false};
  const std::vector<Objective> click = {EventObjective("click", EventType::kClick)};
  base::ThreadPool pool(1);
  const Result<TrainedRanker> trained =
      TrainRanker(world.source, tables, options, click, train, pool, base::NoProgress());
  EXPECT_TRUE(trained) << trained.error().message;
  examples::RankingStream stream(world.source, tables,
                                 {.part = examples::SplitPart::kTest, .shuffle = false}, pool);
  stream.StartEpoch(0);
  examples::RankingBatch batch;
  EXPECT_TRUE(stream.Next(1 << 20, &batch));
  const std::vector<float> predictions = ScoreAll(*trained->ranker, batch);
  double loss = 0;
  for (size_t i = 0; i < predictions.size(); ++i) {
    const auto p = static_cast<double>(predictions[i]);
    loss -= std::log(batch.labels[i].Has(EventType::kClick) ? p : 1 - p);
  }
  return loss / static_cast<double>(predictions.size());
}

// Pages of five items over ten days, each after a search of its user; `show` completes an impression
// and returns its click rate.
constexpr uint64_t kPlantedWords = 6;
template <typename Show>
examples::WorldOptions PagesOf(const std::vector<schema::RawItem>& items, const Show& show) {
  examples::WorldOptions options{.items = items};
  base::Rng rng(17);
  for (int page = 0; page < 2000; ++page) {
    const std::string user = fmt::format("u{}", page % 50), request = fmt::format("r{}", page);
    const int64_t at = page * (10 * examples::kDay / 2000);
    const std::string word = fmt::format("word{}", rng.Below(kPlantedWords));
    options.events.push_back(examples::Search(user, word, at - 1));
    for (int64_t i = 0; i < 5; ++i) {
      const schema::RawItem& item = items[rng.Below(items.size())];
      options.events.push_back(examples::Shown(user, item.item, at, request));
      if (rng.Uniform() < show(item, word, rng, &options.events.back())) {
        options.events.push_back(examples::Click(user, item.item, at + 1 + i, request));
      }
    }
  }
  options.split = {
      .kind = examples::SplitOptions::Kind::kTime, .validation_days = 1, .test_days = 1};
  return options;
}

// The loss of who knows nothing but the mean, and of who knows the rates from `low` to `high`, all
// equally frequent.
double MeanEntropy(double low, double high, int steps) {
  double sum = 0;
  for (int i = 0; i < steps; ++i) {
    const double p = low + (high - low) * (i + 0.5) / steps;
    sum -= p * std::log(p) + (1 - p) * std::log(1 - p);
  }
  return sum / steps;
}

// What there is to gain where one item in kPlantedWords goes with the word of its page, clicked at a
// rate of .9, the others at .1.
double GainOfTheWord() {
  const double rate = 0.1 + 0.8 / kPlantedWords;
  return MeanEntropy(rate, rate, 1) - MeanEntropy(0.1, 0.1, 1);
}

// A source that scores in [0, 1) and one that counts; both are right, one score in ten is missing.
TEST(PlantedFeatures, RK08_TheScoreOfTheSourceLowersTheLoss) {
  std::vector<schema::RawItem> items;
  for (int i = 0; i < 40; ++i) items.push_back(examples::Item(fmt::format("i{}", i), 100));
  const examples::World world(
      PagesOf(items, [](const auto&, const auto&, base::Rng& rng, auto* shown) {
        const double share = rng.Uniform();
        const bool counts = rng.Below(2) == 0;
        shown->source = counts ? "popular" : "candidate-model";
        if (rng.Below(10) != 0) {
          shown->source_score = static_cast<float>(counts ? std::exp(9 * share) : share);
        }
        return 0.1 + 0.8 * share;
      }));
  const double without = LossWith(world, ""), with = LossWith(world, "request.source_score");
  fmt::print("loss {:.4f} with the score, {:.4f} without\n", with, without);
  // What there is to gain in the nine tenths; at least half of it is gained.
  const double gain = 0.9 * (MeanEntropy(0.5, 0.5, 1) - MeanEntropy(0.1, 0.9, 1000));
  EXPECT_GT(gain, 0.1);
  EXPECT_LT(with, without - gain / 2);
}

// Who searched for a word clicks what has it in its title.
TEST(PlantedFeatures, MT09_WordsInCommonOfTitleAndSearchLowerTheLoss) {
  std::vector<schema::RawItem> items;
  for (uint64_t i = 0; i < 60; ++i) {
    items.push_back(examples::Item(fmt::format("i{}", i), 100));
    items.back().title = fmt::format("Number {}: WORD{}", i, i % kPlantedWords);
  }
  const examples::World world(PagesOf(items, [](const auto& item, const auto& word, auto&, auto*) {
    return item.title.back() == word.back() ? 0.9 : 0.1;
  }));
  const double without = LossWith(world, "tokens(last(search, query))"),
               with = LossWith(world, "overlap(tokens(item.title), tokens(last(search, query)))");
  fmt::print("loss {:.4f} with the words in common, {:.4f} without\n", with, without);
  EXPECT_LT(with, without - GainOfTheWord() / 2);
}

// Who watches a video clicks those of its topic; a page is the list next to one video.
TEST(PlantedFeatures, MT09_TopicsInCommonWithTheCurrentItemLowerTheLoss) {
  std::vector<schema::RawItem> items;
  for (uint64_t i = 0; i < 60; ++i) {
    items.push_back(
        examples::Item(fmt::format("i{}", i), 100, "", {fmt::format("t{}", i % kPlantedWords)}));
  }
  const examples::World world(
      PagesOf(items, [&](const auto& item, const auto& word, auto&, auto* shown) {
        const schema::RawItem& current = items[static_cast<size_t>(word.back() - '0')];
        shown->current_item = current.item;
        return item.topics == current.topics ? 0.9 : 0.1;
      }));
  const double without = LossWith(world, "request.current_item.topics"),
               with = LossWith(world, "overlap(request.current_item.topics, item.topics)");
  fmt::print("loss {:.4f} with the topics in common, {:.4f} without\n", with, without);
  EXPECT_LT(with, without - GainOfTheWord() / 2);
}

// Items of some words are clicked; each of 2,000 items is shown five times.
TEST(PlantedFeatures, MT09_WordsOfTitlesLowerTheLossOfItemsThatAreSeldomShown) {
  std::vector<schema::RawItem> items;
  for (uint64_t i = 0; i < 2000; ++i) {
    items.push_back(examples::Item(fmt::format("i{}", i), 100));
    items.back().title = fmt::format("Number {}: WORD{}", i, i % kPlantedWords);
  }
  const examples::World world(PagesOf(items, [](const auto& item, const auto&, auto&, auto*) {
    return (item.title.back() - '0') % 2 == 0 ? 0.9 : 0.1;
  }));
  const double without = LossWith(world, "item"), with = LossWith(world, "tokens(item.title, 500)");
  fmt::print("loss {:.4f} with the words of titles, {:.4f} with the item\n", with, without);
  const double gain = MeanEntropy(0.5, 0.5, 1) - MeanEntropy(0.1, 0.1, 1);
  EXPECT_LT(with, MeanEntropy(0.5, 0.5, 1) - gain / 2);
  EXPECT_LT(with, without);
}

}  // namespace
}  // namespace upnext::ranking
