// Training in time order, and what continues from it (TR-01, TR-02).
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/test_folder.h"
#include "examples/test_world.h"
#include "features/event_counts.h"
#include "nn/parameter.h"
#include "ranking/ranker_trainer.h"
#include "ranking/ranker_training.h"
#include "ranking/test_batches.h"
#include "schema/event.h"

namespace upnext::ranking {
namespace {

using examples::kDay;
using examples::kHour;
using examples::kMinute;
using ::testing::HasSubstr;

// Pages of four over ten days at noon UTC; on the last five days there are items, channels and devices
// that were not there before.
examples::WorldOptions GrowingWorld() {
  examples::WorldOptions options;
  base::Rng rng(11);
  const int64_t noon = kDay - examples::kStart % kDay + kDay / 2;
  for (uint32_t i = 0; i < 40; ++i) {
    options.items.push_back(
        examples::Item(fmt::format("i{}", i), 200.0f, fmt::format("c{}", i % 2 + i / 20)));
  }
  for (uint32_t u = 0; u < 40; ++u) {
    const std::string user = fmt::format("u{}", u);
    for (int64_t day = 0; day < 10; ++day) {
      const int64_t at = noon + day * kDay + static_cast<int64_t>(rng.Below(kHour));
      const std::string request = fmt::format("{}-{}", user, day);
      for (int64_t i = 0; i < 4; ++i) {
        const auto item = static_cast<uint32_t>(rng.Below(day < 5 ? 20 : 40));
        const std::string name = fmt::format("i{}", item);
        options.events.push_back(examples::Shown(user, name, at, request));
        options.events.back().position = static_cast<uint16_t>(i + 1);
        options.events.back().device = fmt::format("d{}", rng.Below(day < 5 ? 2 : 4));
        if (rng.Uniform() > (item % 2 == u % 2 ? 0.8 : 0.2)) continue;
        options.events.push_back(examples::Click(user, name, at + kMinute + i, request));
        options.events.push_back(examples::Watch(user, name, at + kMinute + kHour + i, 150));
      }
    }
  }
  return options;
}

// The same events, of which those of the first days train.
std::unique_ptr<examples::World> WorldUntil(int64_t day) {
  static const examples::WorldOptions growing = GrowingWorld();
  examples::WorldOptions options = growing;
  const int64_t until = (features::UtcDay(examples::kStart) + 1 + day) * kDay;
  options.split = {.train_until_ms = until, .validation_until_ms = until};
  return std::make_unique<examples::World>(options);
}

const RankerOptions kRankerOptions = {.architecture = {.widths = {8}},
                                      .attention = kAttention,
                                      .bias = {.method = BiasMethod::kTower},
                                      .dim_scale = 3};
const RankerTrainOptions kInTime = {.batch = 32,
                                    .epochs = 1,
                                    .learning_rate = 3e-3f,
                                    .time_order = true,
                                    .dropout = 0.1f,
                                    .bf16 = false};

std::vector<Objective> Clicks() {
  Objective clicks = EventObjective("click", schema::EventType::kClick);
  clicks.position_bias = true;
  return {clicks};
}

Result<TrainedRanker> TrainOn(const examples::World& world,
                              const features::FeatureStatistics& tables, base::ThreadPool& pool,
                              const RankerStart& start = {},
                              const RankerTrainOptions& options = kInTime) {
  return TrainRanker(world.source, tables, kRankerOptions, Clicks(), options, pool,
                     base::NoProgress(), start);
}

// The files of a ranker and of the state of its training.
struct Files {
  base::TestFolder folder;
  std::filesystem::path ranker = folder / "ranker.uxs", state = folder / "state.uxs";
  explicit Files(const TrainedRanker& trained) {
    EXPECT_TRUE(trained.ranker->Save(ranker, 1));
    EXPECT_TRUE(trained.trainer->SaveState(state, 1));
  }
};

std::vector<nn::Parameter> StateOf(RankerTrainer& trainer) {
  std::vector<nn::Parameter> state;
  trainer.AppendState(state);
  return state;
}

// All numbers of a ranker and of its training, and the random state. The options in the files differ:
// a ranker that continues says the widths of its tables.
std::vector<float> NumbersOf(const TrainedRanker& trained) {
  std::vector<nn::Parameter> all = trained.ranker->Parameters();
  trained.trainer->AppendState(all);
  std::vector<float> numbers;
  for (const nn::Parameter& one : all) {
    numbers.insert(numbers.end(), one.value.begin(), one.value.end());
  }
  for (const uint64_t word : trained.trainer->rng().state()) {
    numbers.push_back(static_cast<float>(word >> 40));
  }
  return numbers;
}

// Same options, statistics and examples: whether a run ended between two days does not show.
TEST(ContinuedRanker, TR02_EqualsOneRunOverAllDaysBitForBit) {
  const auto before = WorldUntil(7), all = WorldUntil(9);
  const features::FeatureStatistics tables = all->Learn();
  base::ThreadPool pool(2);
  const auto whole = TrainOn(*all, tables, pool);
  ASSERT_TRUE(whole) << whole.error().message;
  const auto first = TrainOn(*before, tables, pool);
  ASSERT_TRUE(first) << first.error().message;
  // By files, as a bundle keeps it.
  const Files files(*first);
  Result<Ranker> loaded = Ranker::Load(files.ranker, 1);
  ASSERT_TRUE(loaded) << loaded.error().message;
  RankerTrainer trainer(&*loaded, kInTime, pool);
  ASSERT_TRUE(trainer.LoadState(files.state, 1));
  const RankerStart start{&*loaded, &trainer, before->split.options().train_until_ms - 1};
  const auto continued = TrainOn(*all, tables, pool, start);
  ASSERT_TRUE(continued) << continued.error().message;
  EXPECT_TRUE(NumbersOf(*first) != NumbersOf(*whole));
  EXPECT_TRUE(NumbersOf(*continued) == NumbersOf(*whole));
}

TEST(ContinuedRanker, TR01_TimeOrderIsAnotherOrderAndKeepsItsState) {
  const auto world = WorldUntil(9);
  const features::FeatureStatistics tables = world->Learn();
  base::ThreadPool pool(2);
  const auto once = TrainOn(*world, tables, pool), again = TrainOn(*world, tables, pool);
  ASSERT_TRUE(once && again);
  EXPECT_TRUE(NumbersOf(*once) == NumbersOf(*again));
  RankerTrainOptions shuffled = kInTime;
  shuffled.time_order = false;
  const auto other = TrainOn(*world, tables, pool, {}, shuffled);
  ASSERT_TRUE(other);
  EXPECT_EQ(other->trainer, nullptr) << "only training in time order keeps its state";
  const base::TestFolder folder;
  ASSERT_TRUE(other->ranker->Save(folder / "r", 1));
  EXPECT_TRUE(*base::ReadFile(folder / "r") != *base::ReadFile(Files(*once).ranker));
}

class GrownRanker : public testing::Test {
 protected:
  void SetUp() override {
    trained_ = TrainOn(*before_, old_, pool_).value();
    base::Rng rng(kInTime.seed, 1);
    Result<Ranker> grown = Ranker::Grow(*trained_.ranker, ShapeOf(tables_), rng);
    ASSERT_TRUE(grown) << grown.error().message;
    grown_.emplace(*std::move(grown));
    trainer_.emplace(&*grown_, kInTime, pool_);
    trainer_->ContinueFrom(*trained_.trainer);
  }
  features::FeatureStatistics Grown() {
    return examples::World::Value(
        examples::LearnFeatures(now_->source, {}, pool_, base::NoProgress(), &old_));
  }
  base::ThreadPool pool_{1};
  const std::unique_ptr<examples::World> before_ = WorldUntil(5), now_ = WorldUntil(9);
  const features::FeatureStatistics old_ = before_->Learn(), tables_ = Grown();
  TrainedRanker trained_;
  std::optional<Ranker> grown_;
  std::optional<RankerTrainer> trainer_;
};

// Rows [0, n) of `to` are those of `from`, by the byte; new ones are as fresh as `fresh` says.
void ExpectFirstRows(const nn::Parameter& from, const nn::Parameter& to) {
  SCOPED_TRACE(from.name);
  ASSERT_EQ(from.name, to.name);
  ASSERT_LE(from.value.size(), to.value.size());
  EXPECT_EQ(std::memcmp(from.value.data(), to.value.data(), from.value.size_bytes()), 0);
}

TEST_F(GrownRanker, TR02_RowsAndOptimiserStateAreKeptToTheByteAndNewRowsAreFresh) {
  const auto from = trained_.ranker->Parameters(), to = grown_->Parameters();
  ASSERT_EQ(from.size(), to.size());
  size_t grew = 0;
  for (size_t i = 0; i < from.size(); ++i) {
    if (from[i].name.starts_with("bias.")) continue;
    ExpectFirstRows(from[i], to[i]);
    if (from[i].size() == to[i].size()) continue;
    ++grew;
    for (const float value : to[i].value.subspan(from[i].size())) {
      EXPECT_TRUE(value != 0 && std::abs(value) <= kRankerOptions.init_scale) << to[i].name;
    }
  }
  EXPECT_GE(grew, 2u);
  const auto state = StateOf(*trained_.trainer), kept = StateOf(*trainer_);
  ASSERT_EQ(state.size(), kept.size());
  size_t used = 0;
  for (size_t i = 0; i < state.size(); ++i) {
    if (state[i].name.starts_with("bias.") && state[i].name.ends_with(".adagrad")) continue;
    ExpectFirstRows(state[i], kept[i]);
    for (const float value : state[i].value) used += value != 0 ? 1 : 0;
    for (const float value : kept[i].value.subspan(state[i].size())) EXPECT_EQ(value, 0);
  }
  EXPECT_GT(used, 100u);
  EXPECT_EQ(trainer_->rng().state(), trained_.trainer->rng().state());
}

// A new device moves the cells of the others, which must take their values along.
TEST_F(GrownRanker, TR02_TheBiasOfAPositionAndDeviceIsKeptThoughItsRowIsAnother) {
  features::FeatureBlock query;
  examples::RankingStream stream(before_->source, old_, {.shuffle = false}, pool_);
  stream.StartEpoch(0);
  examples::RankingBatch batch;
  ASSERT_TRUE(stream.Next(64, &batch));
  const auto before = trained_.ranker->bias().LogitsByPosition(0, batch.queries, 6);
  const auto now = grown_->bias().LogitsByPosition(0, batch.queries, 6);
  EXPECT_EQ(before, now);
  EXPECT_NE(before[0], before[1]);
  const auto state = StateOf(*trained_.trainer), kept = StateOf(*trainer_);
  EXPECT_GT(kept.back().size(), state.back().size());
  double sum = 0, kept_sum = 0;
  for (const float value : state.back().value) sum += value;
  for (const float value : kept.back().value) kept_sum += value;
  EXPECT_GT(sum, 0);
  EXPECT_DOUBLE_EQ(sum, kept_sum);
}

TEST_F(GrownRanker, TR02_ScoresWhatItKnowsAsBeforeTheFirstStepAndCanBeSaved) {
  examples::RankingStream a(before_->source, old_, {.shuffle = false}, pool_);
  a.StartEpoch(0);
  examples::RankingBatch batch;
  ASSERT_TRUE(a.Next(200, &batch));
  const auto score = [&](const Ranker& ranker) {
    std::vector<float> out(batch.size());
    Ranker::Scratch scratch;
    ranker.Score(batch.queries, batch.impressions, batch.query_of, out.data(), scratch, {});
    return out;
  };
  EXPECT_EQ(score(*trained_.ranker), score(*grown_)) << "old rows have the same numbers";
  const base::TestFolder folder;
  ASSERT_TRUE(grown_->Save(folder / "grown.uxs", 2));
  const Result<Ranker> loaded = Ranker::Load(folder / "grown.uxs", 2);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(score(*loaded), score(*grown_));
}

TEST_F(GrownRanker, RefusesOtherFeaturesAndTheStateOfAnotherRanker) {
  features::FeatureSpec spec;
  spec.drop = {"searches"};
  features::ModelShape other = ShapeOf(tables_);
  other.tables.front().rows = 1;
  base::Rng rng(1, 1);
  const auto shrunk = Ranker::Grow(*trained_.ranker, other, rng);
  ASSERT_FALSE(shrunk);
  EXPECT_THAT(shrunk.error().message, HasSubstr("without --continue"));
  const Files files(trained_);
  const Status of_other_tables = trained_.trainer->LoadState(files.state, 2);
  ASSERT_FALSE(of_other_tables);
  EXPECT_THAT(of_other_tables.error().message, HasSubstr("without --continue"));
  EXPECT_FALSE(trainer_->LoadState(files.state, 1)) << "its tables have other sizes";
}

}  // namespace
}  // namespace upnext::ranking
