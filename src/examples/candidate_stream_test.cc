#include "examples/candidate_stream.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "base/thread_pool.h"
#include "examples/test_world.h"
#include "examples/watch_loop.h"
#include "features/feature_block.h"
#include "schema/event.h"

namespace upnext::examples {
namespace {

using StreamLabels = CandidateStreamOptions::Labels;

// One example as values, so that epochs can be compared with and without their order.
struct Example {
  std::vector<uint32_t> watches, tokens, region, device;
  uint32_t label;
  std::vector<float> dense;
  auto operator<=>(const Example&) const = default;
};

std::vector<Example> Epoch(CandidateStream& stream, uint32_t epoch, size_t batch_size = 64) {
  std::vector<Example> examples;
  features::CandidateBatch batch;
  stream.StartEpoch(epoch);
  while (stream.Next(batch_size, &batch)) {
    EXPECT_LE(batch.size(), batch_size);
    EXPECT_EQ(batch.label.size(), batch.size());
    const features::FeatureBlock& block = batch.features;
    const size_t width = block.dense.size() / block.rows;
    EXPECT_EQ(block.dense.size(), batch.size() * width);
    // The default features: watches, tokens, region, device.
    EXPECT_EQ(block.categorical.size(), 4u);
    for (const features::Bags& bags : block.categorical) EXPECT_EQ(bags.size(), batch.size());
    for (size_t i = 0; i < batch.size(); ++i) {
      const auto bag = [i](const features::Bags& bags) {
        return std::vector<uint32_t>(bags.ids.begin() + bags.offsets[i],
                                     bags.ids.begin() + bags.offsets[i + 1]);
      };
      const float* dense = block.dense.data() + i * width;
      examples.push_back({bag(block.categorical[0]),
                          bag(block.categorical[1]),
                          bag(block.categorical[2]),
                          bag(block.categorical[3]),
                          batch.label[i],
                          {dense, dense + width}});
    }
  }
  return examples;
}

// Which user an example is of: ages are 20 + user in RandomWorld, fed as a share of a constant.
std::map<float, size_t> CountByUser(const std::vector<Example>& examples) {
  std::map<float, size_t> counts;
  for (const Example& example : examples) ++counts[example.dense[0]];
  return counts;
}

TEST(CandidateStream, CG18_NoUserHasMoreExamplesThanTheCapAndUsersWeighEqually) {
  const World world(RandomWorld(1));
  const features::FeatureStatistics tables = world.Learn();
  base::ThreadPool pool(2);
  CandidateStream all(world.source, tables, {.max_per_user = 1000}, pool);
  const auto uncapped = CountByUser(Epoch(all, 0));
  constexpr uint32_t kCap = 10;
  CandidateStream stream(world.source, tables, {.max_per_user = kCap}, pool);
  const auto capped = CountByUser(Epoch(stream, 0));
  ASSERT_EQ(capped.size(), uncapped.size());
  size_t at_cap = 0;
  for (const auto& [user, count] : uncapped) {
    EXPECT_EQ(capped.at(user), std::min<size_t>(count, kCap));
    at_cap += count > kCap ? 1 : 0;
  }
  EXPECT_GT(at_cap, 2u) << "some users should be heavier than the cap";
}

TEST(CandidateStream, ExamplesHaveTheWeightsOfTheirTypesAndHistoriesOfTheirs) {
  using enum schema::EventType;
  WorldOptions options{.events = {Raw("u", "a", 1, kClick), Raw("u", "b", 2, kAddToCart),
                                  Raw("u", "b", 3, kPurchase), Raw("u", "c", 4, kLike)}};
  options.rule = features::PositiveRule::Empty(0.7, 30);
  options.rule.SetPositive(kAddToCart, 0.5f);
  options.rule.SetPositive(kPurchase, 1);
  options.rule.SetInterest(kClick, 1);
  options.rule.SetInterest(kAddToCart, 2);
  options.split.kind = SplitOptions::Kind::kNone;
  const World world(options);
  const features::FeatureStatistics tables = world.Learn();
  base::ThreadPool pool(1);
  const features::Vocabulary& items = tables.vocabulary(features::kItemVocabulary);
  for (const StreamLabels labels : {StreamLabels::kNextWatch, StreamLabels::kHeldOut}) {
    CandidateStream stream(world.source, tables, {.labels = labels, .min_history = 0}, pool);
    stream.StartEpoch(0);
    features::CandidateBatch batch;
    ASSERT_TRUE(stream.Next(10, &batch));
    ASSERT_EQ(batch.size(), 2u);
    for (size_t i = 0; i < 2; ++i) {
      const bool bought = batch.weight[i] == 1;
      EXPECT_EQ(batch.weight[i], bought ? 1 : 0.5f);
      EXPECT_EQ(items.Id(batch.label[i]), world.item("b"));
      const features::Bags& history = batch.features.categorical[0];
      // "a" was only clicked, so it is unknown to the vocabulary; the cart comes before the purchase.
      EXPECT_EQ(history[i].size(), bought ? 2u : 1u);
      if (bought) {
        EXPECT_EQ(history.weights[history.offsets[i] + 1], 2);
      }
    }
    EXPECT_NE(batch.weight[0], batch.weight[1]);
  }
}

TEST(CandidateStream, WatchesWeighByTheirMinutesWhereTheRuleSaysSo) {
  WorldOptions options{.events = {Watch("u", "a", 1, 60), Watch("u", "b", 2, 240)}};
  options.rule.SetWatchPower(0.5);
  options.split.kind = SplitOptions::Kind::kNone;
  const World world(options);
  const features::FeatureStatistics tables = world.Learn();
  base::ThreadPool pool(1);
  for (const StreamLabels labels : {StreamLabels::kNextWatch, StreamLabels::kHeldOut}) {
    CandidateStream stream(world.source, tables, {.labels = labels, .min_history = 0}, pool);
    stream.StartEpoch(0);
    features::CandidateBatch batch;
    ASSERT_TRUE(stream.Next(10, &batch));
    EXPECT_THAT(batch.weight, testing::UnorderedElementsAre(1, 2));
  }
}

TEST(CandidateStream, CG18_TheChoiceIsRedrawnEachEpochAndCoversAllLabels) {
  const World world(RandomWorld(1, /*users=*/1));
  const features::FeatureStatistics tables = world.Learn();
  base::ThreadPool pool(1);
  CandidateStream all(world.source, tables, {.max_per_user = 1000}, pool);
  const std::vector<Example> every = Epoch(all, 0);
  CandidateStream stream(world.source, tables, {.max_per_user = 10}, pool);
  std::map<Example, size_t> drawn;
  std::vector<Example> first;
  constexpr uint32_t kEpochs = 400;
  for (uint32_t epoch = 0; epoch < kEpochs; ++epoch) {
    std::vector<Example> examples = Epoch(stream, epoch);
    std::ranges::sort(examples);
    EXPECT_EQ(examples.size(), 10u);
    EXPECT_EQ(std::ranges::adjacent_find(examples), examples.end()) << "without replacement";
    if (epoch == 0) first = examples;
    if (epoch == 1) {
      EXPECT_NE(examples, first);
    }
    for (const Example& example : examples) ++drawn[example];
  }
  ASSERT_EQ(std::set<Example>(every.begin(), every.end()).size(), every.size());
  // Each label is drawn about equally often: binomial, within five standard deviations.
  const double share = 10.0 / static_cast<double>(every.size());
  const double tolerance = 5 * std::sqrt(kEpochs * share * (1 - share));
  for (const Example& example : every) {
    EXPECT_NEAR(static_cast<double>(drawn[example]), kEpochs * share, tolerance);
  }
}

// Three users of ten watches, of which the last nine may be labels.
TEST(CandidateStream, SequencesAreRunsOfNeighboursInTheOrderOfTime) {
  constexpr uint32_t kThree = 3, kTen = 10, kRun = 4, kEpochs = 300, kRuns = 6;
  WorldOptions options{.split = {.kind = SplitOptions::Kind::kNone}};
  for (uint32_t u = 0; u < kThree; ++u) {
    for (uint32_t i = 0; i < kTen; ++i) {
      options.events.push_back(Watch(fmt::format("u{}", u), fmt::format("i{}-{}", u, i), i, 60));
    }
  }
  const World world(options);
  const features::FeatureStatistics tables = world.Learn();
  base::ThreadPool pool(2);
  CandidateStream stream(world.source, tables, {.max_per_user = kRun, .sequences = true}, pool);
  std::map<size_t, uint32_t> begins;  // by the history of the first of a run
  std::set<uint32_t> firsts;          // whose run comes first
  for (uint32_t epoch = 0; epoch < kEpochs; ++epoch) {
    const std::vector<Example> examples = Epoch(stream, epoch);
    ASSERT_EQ(examples.size(), kThree * kRun);
    firsts.insert(examples[0].watches[0]);
    for (size_t i = 0; i < examples.size(); ++i) {
      const std::vector<uint32_t>& watches = examples[i].watches;
      if (i % kRun == 0) {
        ++begins[watches.size()];
        continue;
      }
      std::vector<uint32_t> next = examples[i - 1].watches;
      next.push_back(examples[i - 1].label);
      EXPECT_EQ(watches, next);
    }
  }
  EXPECT_EQ(firsts.size(), kThree);
  // Each run is drawn about equally often: binomial, within five standard deviations.
  ASSERT_EQ(begins.size(), kRuns);
  const double expected = kEpochs * kThree / 6.0;
  for (const auto& [history, count] : begins) {
    EXPECT_NEAR(count, expected, 5 * std::sqrt(expected * 5 / 6)) << history;
  }
}

TEST(CandidateStream, CG20_AUserGivesSeveralPrefixes) {
  WorldOptions options{.split = {.kind = SplitOptions::Kind::kNone}};
  for (int i = 0; i < 6; ++i) {
    options.events.push_back(Watch("u", "i" + std::to_string(i), i, 60));
  }
  const World world(options);
  const features::FeatureStatistics tables = world.Learn();
  base::ThreadPool pool(1);
  CandidateStream stream(world.source, tables, {}, pool);
  std::vector<Example> examples = Epoch(stream, 0);
  std::ranges::sort(examples, {}, [](const Example& e) { return e.watches.size(); });
  ASSERT_EQ(examples.size(), 5u);
  for (size_t i = 0; i < 5; ++i) {
    // The first i + 1 watches predict the next one.
    ASSERT_EQ(examples[i].watches.size(), i + 1);
    const auto row = [&](size_t k) {
      return tables.vocabulary(features::kItemVocabulary).Row(world.item("i" + std::to_string(k)));
    };
    EXPECT_EQ(examples[i].label, row(i + 1));
    EXPECT_THAT(examples[i].watches, ::testing::Contains(row(i)));
    EXPECT_THAT(examples[i].watches, ::testing::Not(::testing::Contains(examples[i].label)));
  }
}

TEST(CandidateStream, ContentDoesNotDependOnThreadsButOnSeedAndEpoch) {
  const World world(RandomWorld(4, /*users=*/100, 30, 600));
  const features::FeatureStatistics tables = world.Learn();
  base::ThreadPool one(1), three(3);
  for (const StreamLabels labels : {StreamLabels::kNextWatch, StreamLabels::kHeldOut}) {
    const CandidateStreamOptions options{
        .max_per_user = 8, .labels = labels, .seed = 5, .shuffle_buffer = 100};
    CandidateStream a(world.source, tables, options, one);
    CandidateStream b(world.source, tables, options, three);
    CandidateStreamOptions other = options;
    other.seed = 6;
    CandidateStream c(world.source, tables, other, one);
    const std::vector<Example> epoch0 = Epoch(a, 0), epoch1 = Epoch(a, 1);
    EXPECT_GT(epoch0.size(), 200u);
    EXPECT_EQ(epoch1, Epoch(b, 1)) << "whatever epochs came before";
    EXPECT_EQ(epoch0, Epoch(b, 0, /*batch_size=*/17)) << "whatever the batch size";
    EXPECT_EQ(epoch0, Epoch(a, 0)) << "an epoch may be run again";
    EXPECT_NE(epoch0, epoch1);
    EXPECT_NE(epoch0, Epoch(c, 0));
  }
}

TEST(CandidateStream, ExamplesPerEpochIsExact) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    const World world(RandomWorld(seed));
    features::FeatureSpec spec;
    spec.max_items = 12;  // labels out of the vocabulary are left out
    const features::FeatureStatistics tables = world.Learn(spec);
    base::ThreadPool pool(2);
    for (const SplitPart part : {SplitPart::kTrain, SplitPart::kValidation, SplitPart::kTest}) {
      for (const StreamLabels labels : {StreamLabels::kNextWatch, StreamLabels::kHeldOut}) {
        for (const uint32_t min_history : {0u, 1u, 5u}) {
          CandidateStream stream(world.source, tables,
                                 {.max_per_user = 7,
                                  .labels = labels,
                                  .part = part,
                                  .min_history = min_history,
                                  .shuffle_buffer = 20},
                                 pool);
          const std::vector<Example> examples = Epoch(stream, 0);
          EXPECT_EQ(examples.size(), stream.examples_per_epoch());
          for (const Example& example : examples) {
            EXPECT_NE(example.label, 0u);
            EXPECT_GE(example.watches.size(), min_history);
          }
        }
      }
    }
  }
}

// Labels that a model has seen are inputs alone.
TEST(CandidateStream, TR02_LaterLabelsHaveTheirWholeHistories) {
  const World world(RandomWorld(2));
  const features::FeatureStatistics tables = world.Learn();
  base::ThreadPool pool(2);
  const int64_t after =
      tables.train_end_ms - (tables.train_end_ms - world.log.stats().first_ms) / 3;
  uint64_t labels = 0;
  for (uint32_t user = 0; user < world.log.users(); ++user) {
    ForEachWatch(world.source, user, tables.plan.retrieval_state(), world.split.train_end(user),
                 [&](const features::UserState&, const WatchExample& watch) {
                   labels += watch.time_ms > after ? 1 : 0;
                   return true;
                 });
  }
  for (const bool sequences : {false, true}) {
    CandidateStreamOptions options{.max_per_user = 1000, .min_history = 0, .sequences = sequences};
    CandidateStream all(world.source, tables, options, pool);
    options.after_ms = after;
    CandidateStream later(world.source, tables, options, pool);
    std::vector<Example> every = Epoch(all, 0), new_ones = Epoch(later, 0);
    EXPECT_EQ(new_ones.size(), labels);
    EXPECT_LT(new_ones.size(), every.size() / 2);
    EXPECT_GT(new_ones.size(), 10u);
    std::ranges::sort(every);
    std::ranges::sort(new_ones);
    EXPECT_TRUE(std::ranges::includes(every, new_ones));
  }
}

TEST(CandidateStream, EmptyBeforeTheFirstEpochAndWithoutLabels) {
  const World world({.events = {Watch("u", "a", 0, 60), Search("v", "word", 1)},
                     .split = {.kind = SplitOptions::Kind::kNone}});
  const features::FeatureStatistics tables = world.Learn();
  base::ThreadPool pool(1);
  features::CandidateBatch batch;
  CandidateStream with_history(world.source, tables, {}, pool);
  EXPECT_EQ(with_history.examples_per_epoch(), 0u);
  with_history.StartEpoch(0);
  EXPECT_FALSE(with_history.Next(10, &batch));
  // A new user's first watch is an example when asked for.
  CandidateStream without(world.source, tables, {.min_history = 0}, pool);
  EXPECT_FALSE(without.Next(10, &batch));
  without.StartEpoch(0);
  ASSERT_TRUE(without.Next(10, &batch));
  EXPECT_EQ(batch.size(), 1u);
  EXPECT_TRUE(batch.features.categorical[0].ids.empty());
}

// Per user, the item rows of complete watches of `part` and before, in order.
std::vector<uint32_t> WatchedRows(const World& world, const features::FeatureStatistics& tables,
                                  uint32_t user, SplitPart last) {
  std::vector<uint32_t> rows;
  ReplayWatches(world.source, user, features::StateSpec(),
                [&](const features::UserState&, const WatchExample& watch) {
                  if (watch.part > last) return;
                  rows.push_back(tables.vocabulary(features::kItemVocabulary).Row(watch.item));
                });
  return rows;
}

TEST(CandidateStream, CG19_HeldOutInputIsEverythingButTheLabelAndSoSeesTheFuture) {
  for (const uint32_t largest : {60u, 900u}) {  // fewer and more watches than a bag holds
    const World world(RandomWorld(9, /*users=*/1, 30, largest));
    const features::FeatureStatistics tables = world.Learn();
    base::ThreadPool pool(1);
    CandidateStream stream(world.source, tables,
                           {.max_per_user = 1000, .labels = StreamLabels::kHeldOut}, pool);
    std::vector<Example> examples = Epoch(stream, 0);
    const std::vector<uint32_t> rows = WatchedRows(world, tables, 0, SplitPart::kTrain);
    ASSERT_EQ(examples.size(), rows.size());
    std::vector<std::pair<uint32_t, std::vector<uint32_t>>> expected, found;
    for (size_t label = 0; label < rows.size(); ++label) {
      std::vector<uint32_t> others = rows;
      others.erase(others.begin() + static_cast<std::ptrdiff_t>(label));
      if (others.size() > features::kBagLimit) {
        others.erase(others.begin(), others.end() - features::kBagLimit);
      }
      std::ranges::sort(others);
      expected.emplace_back(rows[label], others);
    }
    for (Example& example : examples) {
      std::ranges::sort(example.watches);
      found.emplace_back(example.label, example.watches);
    }
    EXPECT_THAT(found, ::testing::UnorderedElementsAreArray(expected));
    if (largest == 900) {
      EXPECT_GT(rows.size(), features::kBagLimit + 10);
    }
  }
}

TEST(CandidateStream, CG19_NextWatchInputsOfTheWholeEpochArePrefixes) {
  const World world(RandomWorld(9, /*users=*/1, 30, 60));
  const features::FeatureStatistics tables = world.Learn();
  base::ThreadPool pool(1);
  CandidateStream stream(world.source, tables, {.max_per_user = 1000}, pool);
  const std::vector<uint32_t> rows = WatchedRows(world, tables, 0, SplitPart::kTrain);
  ASSERT_LT(rows.size(), features::kBagLimit);
  for (Example& example : Epoch(stream, 0)) {
    const size_t n = example.watches.size();
    ASSERT_LT(n, rows.size());
    std::vector<uint32_t> prefix(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(n));
    std::ranges::sort(prefix);
    std::ranges::sort(example.watches);
    EXPECT_EQ(example.watches, prefix);
    EXPECT_EQ(example.label, rows[n]);
  }
}

TEST(CandidateStream, CG21_TheOrderOfSearchesLeavesTheBagsEqual) {
  const auto epoch = [](std::vector<std::string> queries) {
    WorldOptions options{.split = {.kind = SplitOptions::Kind::kNone}};
    options.events.push_back(Watch("u", "a", 0, 60));
    for (size_t i = 0; i < queries.size(); ++i) {
      options.events.push_back(Search("u", queries[i], static_cast<int64_t>(i) + 1));
    }
    options.events.push_back(Watch("u", "b", 100, 60));
    const World world(options);
    const features::FeatureStatistics tables = world.Learn();
    base::ThreadPool pool(1);
    CandidateStream stream(world.source, tables, {}, pool);
    std::vector<Example> examples = Epoch(stream, 0);
    EXPECT_EQ(examples.size(), 1u);
    std::vector<std::string> tokens;
    for (const uint32_t row : examples.at(0).tokens) {
      tokens.emplace_back(tables.tokens.token(row));
    }
    std::ranges::sort(tokens);
    return tokens;
  };
  std::vector<std::string> queries{"taylor swift", "live music", "live", "taylor swift", "zebra"};
  std::ranges::sort(queries);
  const std::vector<std::string> expected = epoch(queries);
  EXPECT_THAT(expected, ::testing::Contains("taylor swift"));
  EXPECT_EQ(expected.size(), 3u + 3u + 1u + 3u + 1u);
  while (std::ranges::next_permutation(queries).found) EXPECT_EQ(epoch(queries), expected);
}

TEST(CandidateStream, CG09_ExampleAgeCountsBackFromTheEndOfTrainingAndIsZeroOutsideIt) {
  const World world({.events = {Watch("u", "a", 0, 60), Watch("u", "b", 25, 60),
                                Watch("u", "c", 100, 60), Watch("u", "a", 150, 60)},
                     .split = {.kind = SplitOptions::Kind::kTime,
                               .train_until_ms = kStart + 101,
                               .validation_until_ms = kStart + 1000}});
  const features::FeatureStatistics tables = world.Learn();
  base::ThreadPool pool(1);
  CandidateStream train(world.source, tables, {}, pool);
  std::vector<Example> examples = Epoch(train, 0);
  std::ranges::sort(examples, {}, [](const Example& e) { return e.watches.size(); });
  ASSERT_EQ(examples.size(), 2u);
  EXPECT_FLOAT_EQ(examples[0].dense[6], 0.75f);
  EXPECT_FLOAT_EQ(examples[1].dense[6], 0);
  CandidateStream validation(world.source, tables, {.part = SplitPart::kValidation}, pool);
  examples = Epoch(validation, 0);
  ASSERT_EQ(examples.size(), 1u);
  EXPECT_EQ(examples[0].watches.size(), 3u);
  EXPECT_FLOAT_EQ(examples[0].dense[6], 0);
}

}  // namespace
}  // namespace upnext::examples
