#include "ranking/ranker_training.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "base/test_folder.h"
#include "examples/test_world.h"
#include "ranking/test_batches.h"
#include "schema/event.h"

namespace upnext::ranking {
namespace {

using examples::kDay;
using examples::kHour;
using examples::kMinute;
using ::testing::HasSubstr;
using ::testing::Not;

// Pages of five over ten days. A user clicks items of one kind (channel "c0" or "c1") and watches
// items with high numbers longer: the history shows both, the ids of a page do not.
examples::WorldOptions PlantedWorld() {
  examples::WorldOptions options;
  base::Rng rng(3);
  constexpr uint32_t kItems = 40;
  for (uint32_t i = 0; i < kItems; ++i) {
    options.items.push_back(
        examples::Item(fmt::format("i{}", i), 200.0f, fmt::format("c{}", i % 2)));
  }
  for (uint32_t u = 0; u < 60; ++u) {
    const std::string user = fmt::format("u{}", u);
    for (int64_t page = 0; page < 20; ++page) {
      const int64_t at = page * 12 * kHour + static_cast<int64_t>(rng.Below(kHour));
      const std::string request = fmt::format("{}-{}", user, page);
      for (int64_t i = 0; i < 5; ++i) {
        const auto item = static_cast<uint32_t>(rng.Below(kItems));
        const std::string name = fmt::format("i{}", item);
        options.events.push_back(examples::Shown(user, name, at, request));
        options.events.back().position = static_cast<uint16_t>(i + 1);
        if (rng.Uniform() > (item % 2 == u % 2 ? 0.8 : 0.1)) continue;
        const auto seconds = static_cast<float>(10 + 3 * item + rng.Below(20));
        options.events.push_back(examples::Click(user, name, at + kMinute + i, request));
        options.events.push_back(examples::Raw(user, name, at + 2 * kMinute + i,
                                               schema::EventType::kWatch, seconds, request));
      }
    }
  }
  options.split = {
      .kind = examples::SplitOptions::Kind::kTime, .validation_days = 1, .test_days = 1};
  return options;
}

const examples::World& Planted() {
  static const examples::World world(PlantedWorld());
  return world;
}
const features::FeatureStatistics& PlantedTables() {
  static const features::FeatureStatistics tables = Planted().Learn();
  return tables;
}

const std::vector<Objective> kObjectives = {WatchObjective(),
                                            EventObjective("click", schema::EventType::kClick)};
const RankerOptions kRanker = {.architecture = {.widths = {32, 16}}, .dim_scale = 3};
const RankerTrainOptions kTrain = {
    .batch = 128, .epochs = 8, .learning_rate = 3e-3f, .bf16 = false};

Result<TrainedRanker> Train(const RankerTrainOptions& options,
                            base::Progress& progress = base::NoProgress(), int threads = 1,
                            const RankerOptions& ranker = kRanker) {
  base::ThreadPool pool(threads);
  return TrainRanker(Planted().source, PlantedTables(), ranker, kObjectives, options, pool,
                     progress);
}

std::string Bytes(const TrainedRanker& trained) {
  const base::TestFolder folder;
  EXPECT_TRUE(trained.ranker->Save(folder / "ranker.uxs", 1));
  return *base::ReadFile(folder / "ranker.uxs");
}

examples::RankingBatch PartOf(examples::SplitPart part) {
  base::ThreadPool pool(1);
  examples::RankingStream stream(Planted().source, PlantedTables(),
                                 {.part = part, .shuffle = false}, pool);
  stream.StartEpoch(0);
  examples::RankingBatch batch;
  stream.Next(1 << 20, &batch);
  return batch;
}

TEST(RankerTraining, RK01_AStreamHasOneQueryForEachRequest) {
  const examples::RankingBatch batch = PartOf(examples::SplitPart::kTest);
  EXPECT_EQ(batch.size(), 5 * batch.queries.rows);
}

TEST(RankerTraining, PlantedTastesBeatConstantsOnDaysNotSeen) {
  const Result<TrainedRanker> trained = Train(kTrain);
  ASSERT_TRUE(trained) << trained.error().message;
  EXPECT_LT(trained->epochs.back().loss, trained->epochs.front().loss);
  const examples::RankingBatch train = PartOf(examples::SplitPart::kTrain);
  const examples::RankingBatch test = PartOf(examples::SplitPart::kTest);
  base::ThreadPool pool(1);
  RankerTrainer judge(trained->ranker.get(), kTrain, pool);
  std::vector<nn::LossValue> losses(kObjectives.size());
  judge.Evaluate(test, losses);
  const double share[] = {0.95, 0.8};  // of the constant's loss; click times 3 seconds cost most
  for (size_t k = 0; k < kObjectives.size(); ++k) {
    Targets seen, targets;
    MakeTargets(kObjectives[k], train, &seen);
    MakeTargets(kObjectives[k], test, &targets);
    const std::vector<float> constant(test.size(), BestConstants(kObjectives[k], seen)[0]);
    const double guess = ObjectiveLoss(kObjectives[k], constant, targets, nullptr).mean();
    EXPECT_LT(losses[k].mean(), share[k] * guess) << kObjectives[k].name;
  }
}

TEST(RankerTraining, SameSeedGivesTheSameBytesAndAnotherDoesNot) {
  RankerTrainOptions options = kTrain;
  options.epochs = 2;
  options.dropout = options.field_dropout = 0.1f;
  const std::string first = Bytes(*Train(options)), again = Bytes(*Train(options));
  EXPECT_TRUE(first == again);
  options.seed = 2;
  EXPECT_FALSE(first == Bytes(*Train(options)));
}

TEST(RankerTraining, AttentionByThreeThreadsGivesTheSameBytesEachTime) {
  RankerTrainOptions options = kTrain;
  options.epochs = 1;
  options.dropout = options.field_dropout = 0.1f;
  RankerOptions ranker = kRanker;
  ranker.attention.features = {"watched_items"};
  const auto trained = [&] { return Bytes(*Train(options, base::NoProgress(), 3, ranker)); };
  const std::string first = trained();
  EXPECT_TRUE(first == trained());
  EXPECT_FALSE(first == Bytes(*Train(options, base::NoProgress(), 3)));
}

class StopSoon : public base::Progress {
 public:
  void Begin(std::string_view, std::string_view, uint64_t total) override { total_ = total; }
  void Update(uint64_t done, std::string_view note) override {
    done_ = done;
    if (!note.empty()) last_ = note;
  }
  void End() override {}
  void Note(std::string_view line) override { notes_.append(line).append("\n"); }
  bool stop_requested() const override { return done_ > 0 && stop_; }
  uint64_t total_ = 0, done_ = 0;
  bool stop_ = true;
  std::string notes_, last_;  // all lines; note of the last update that had one
};

TEST(RankerTraining, StopsEarlyAndKeepsTheBestEpoch) {
  RankerTrainOptions options = kTrain;
  options.epochs = 60;
  options.patience = 2;
  options.learning_rate = 0.02f;  // overfits quickly
  StopSoon progress;
  progress.stop_ = false;
  const Result<TrainedRanker> trained = Train(options, progress);
  ASSERT_TRUE(trained) << trained.error().message;
  ASSERT_LT(trained->epochs.size(), 60u);
  EXPECT_EQ(progress.last_, fmt::format("stopped early at epoch {}, best epoch {}",
                                        trained->epochs.size(), trained->best_epoch + 1));
  EXPECT_EQ(trained->epochs.size(), trained->best_epoch + 1 + options.patience);
  const double best = trained->epochs[trained->best_epoch].validation;
  for (const nn::EpochReport& epoch : trained->epochs) EXPECT_GE(epoch.validation, best);

  const examples::RankingBatch validation = PartOf(examples::SplitPart::kValidation);
  base::ThreadPool pool(1);
  RankerTrainer judge(trained->ranker.get(), options, pool);
  std::vector<nn::LossValue> losses(kObjectives.size());
  judge.Evaluate(validation, losses);
  EXPECT_NEAR(losses[0].mean() + losses[1].mean(), best, 1e-4 * best);
}

TEST(RankerTraining, DecayRunsOverAllEpochsAndStillLearns) {
  RankerTrainOptions options = kTrain;
  options.epochs = options.patience = 4;
  const Result<TrainedRanker> constant = Train(options);
  options.decay = true;
  const Result<TrainedRanker> decayed = Train(options);
  ASSERT_TRUE(constant && decayed);
  EXPECT_EQ(decayed->epochs.size(), 4u);
  EXPECT_LT(decayed->epochs.back().loss, decayed->epochs.front().loss);
  EXPECT_FALSE(Bytes(*decayed) == Bytes(*constant));
}

TEST(RankerTraining, TR05_DivergenceFailsLoudlyWithAdvice) {
  RankerTrainOptions options = kTrain;
  options.learning_rate = 50.0f;
  const Result<TrainedRanker> trained = Train(options);
  ASSERT_FALSE(trained);
  EXPECT_EQ(trained.error().code, Code::kInternal);
  EXPECT_THAT(trained.error().message, HasSubstr("ranking.learning_rate"));
}

// A unit whose bias is far below what its inputs can reach is zero for every example, and has no
// gradient that could wake it.
TEST(RankerTraining, TR05_ReportsTheShareOfDeadUnitsAndStopsAboveTheOneAllowed) {
  RankerTrainOptions options = kTrain;
  options.epochs = 1;
  options.time_order = true;  // keeps the state to continue from
  const RankerOptions one_layer{.architecture = {.widths = {32}}, .dim_scale = 3};
  Result<TrainedRanker> trained = Train(options, base::NoProgress(), 1, one_layer);
  ASSERT_TRUE(trained) << trained.error().message;
  EXPECT_LT(trained->epochs[0].dead_units, 0.5);
  const nn::Parameter bias = ParameterNamed(*trained->ranker, "net.bottom.in.bias");
  ASSERT_EQ(bias.value.size(), 32u);
  std::fill_n(bias.value.begin(), 24, -1e6f);
  const auto more = [&](double allowed) {
    options.max_dead_units = allowed;
    base::ThreadPool pool(1);
    return TrainRanker(Planted().source, PlantedTables(), one_layer, kObjectives, options, pool,
                       base::NoProgress(), {trained->ranker.get(), trained->trainer.get()});
  };
  const Result<TrainedRanker> reported = more(1);
  ASSERT_TRUE(reported) << reported.error().message;
  EXPECT_GE(reported->epochs[0].dead_units, 0.75);
  EXPECT_LT(reported->epochs[0].dead_units, 1.0) << "eight were left alone";
  const Result<TrainedRanker> stopped = more(0.7);
  ASSERT_FALSE(stopped);
  EXPECT_THAT(stopped.error().message, HasSubstr("of the units of a layer were zero"));
}

TEST(RankerTraining, StopsOnRequest) {
  StopSoon progress;
  const Result<TrainedRanker> trained = Train(kTrain, progress);
  ASSERT_FALSE(trained);
  EXPECT_EQ(trained.error().code, Code::kCancelled);
}

TEST(RankerTraining, ReportsEachEpoch) {
  StopSoon progress;
  progress.stop_ = false;
  RankerTrainOptions options = kTrain;
  options.epochs = 2;
  ASSERT_TRUE(Train(options, progress));
  EXPECT_EQ(progress.total_, 2 * PartOf(examples::SplitPart::kTrain).size());
  EXPECT_THAT(progress.notes_, HasSubstr("epoch 2: loss"));
  EXPECT_THAT(progress.notes_, HasSubstr("click"));
  EXPECT_THAT(progress.notes_, HasSubstr("examples/s"));
  EXPECT_THAT(progress.notes_, HasSubstr("validation"));
  EXPECT_EQ(progress.done_, progress.total_);
}

TEST(RankerTraining, WithoutAValidationPartItReportsThatOnceAndOmitsMetrics) {
  examples::WorldOptions without = PlantedWorld();
  without.split = {.kind = examples::SplitOptions::Kind::kNone};
  const examples::World world(without);
  const features::FeatureStatistics tables = world.Learn();
  RankerTrainOptions options = kTrain;
  options.epochs = 2;
  options.patience = 1;
  StopSoon progress;
  progress.stop_ = false;
  base::ThreadPool pool(1);
  const Result<TrainedRanker> trained =
      TrainRanker(world.source, tables, kRanker, kObjectives, options, pool, progress);
  ASSERT_TRUE(trained) << trained.error().message;
  EXPECT_EQ(trained->best_epoch, 1u);
  EXPECT_THAT(progress.notes_, HasSubstr("training runs all 2 epochs\nepoch 1: loss"));
  EXPECT_THAT(progress.notes_, Not(HasSubstr("nan")));
  EXPECT_THAT(progress.notes_, Not(HasSubstr(" / ")));
}

TEST(RankerTraining, ALogWithoutImpressionsIsRefusedWithAdvice) {
  examples::WorldOptions options;
  for (int64_t i = 0; i < 30; ++i) {
    options.events.push_back(examples::Watch("u", fmt::format("i{}", i), i * 8 * kHour, 100));
  }
  const examples::World world(options);
  const features::FeatureStatistics tables = world.Learn();
  base::ThreadPool pool(1);
  const Result<TrainedRanker> trained =
      TrainRanker(world.source, tables, kRanker, kObjectives, kTrain, pool, base::NoProgress());
  ASSERT_FALSE(trained);
  EXPECT_EQ(trained.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(trained.error().message, HasSubstr("impression"));
}

TEST(RankerTraining, OptionsReadFromTheProjectFile) {
  const Result<base::Config> config = base::Config::Parse(
      "[ranking]\nbatch = 7\nfield_dropout = 0.25\nbf16 = false\nwidths = [3]\ninit_scale = 0.5\n",
      "test.toml");
  ASSERT_TRUE(config);
  const RankerTrainOptions train = RankerTrainOptions::FromConfig(config->Table("ranking"));
  const RankerOptions model = RankerOptions::FromConfig(config->Table("ranking"));
  EXPECT_TRUE(config->Check());
  EXPECT_EQ(train.batch, 7u);
  EXPECT_EQ(train.field_dropout, 0.25f);
  EXPECT_FALSE(train.bf16);
  EXPECT_EQ(model.architecture.widths, std::vector<size_t>{3});
  EXPECT_EQ(model.init_scale, 0.5f);

  for (const std::string key : {"learning_rate", "table_learning_rate"}) {
    const auto still = base::Config::Parse("[ranking]\n" + key + " = 0\n", "test.toml");
    ASSERT_TRUE(still);
    RankerTrainOptions::FromConfig(still->Table("ranking"));
    ASSERT_FALSE(still->Check()) << key;
    EXPECT_THAT(still->Check().error().message, HasSubstr("ranking." + key + ": expected"));
  }
}

}  // namespace
}  // namespace upnext::ranking
