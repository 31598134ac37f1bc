#include "retrieval/candidate_training.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "ann/exact_index.h"
#include "base/test_folder.h"
#include "examples/holdout.h"
#include "examples/test_world.h"
#include "features/feature_extractor.h"
#include "kernels/gemm.h"
#include "retrieval/candidate_validation.h"
#include "retrieval/indexed_items.h"
#include "retrieval/scored_items.h"
#include "retrieval/test_batch.h"
#include "retrieval/test_planted.h"
#include "retrieval/training_watches.h"
#include "schema/raw_event.h"

namespace upnext::retrieval {
namespace {

using testing::HasSubstr;

// Records the progress reports of training.
class Listener : public base::Progress {
 public:
  void Begin(std::string_view, std::string_view, uint64_t total) override { total_ = total; }
  void Update(uint64_t done, std::string_view note) override {
    done_ = done;
    if (!note.empty()) last_ = note;
  }
  void End() override {}
  void Note(std::string_view line) override { notes_.emplace_back(line); }

  uint64_t total_ = 0, done_ = 0;
  std::string last_;  // note of the last update that had one
  std::vector<std::string> notes_;
};

// NDCG@10 of the list of most watched unseen items, for the same cases.
double PopularityNdcg(const examples::World& world, base::ThreadPool& pool) {
  const std::vector<ScoredItem> popular = RankByCount(CountWatches(world.source));
  const auto cases = examples::HoldoutCases(world.source, examples::SplitPart::kTest, pool);
  double sum = 0;
  for (const examples::HoldoutCase& held_out : cases) {
    std::set<uint32_t> seen;
    for (uint64_t row = world.log.begin(held_out.user); row < held_out.end_row; ++row) {
      seen.insert(world.log.item_of(row));
    }
    size_t rank = 0;
    for (const ScoredItem& proposal : popular) {
      if (seen.contains(proposal.item)) continue;
      if (++rank > 10) break;
      if (proposal.item == held_out.targets[0]) sum += 1 / std::log2(static_cast<double>(rank) + 1);
    }
  }
  return sum / static_cast<double>(cases.size());
}

TEST(TrainCandidateModel, LearnsPlantedTastesFarBetterThanPopularity) {
  const examples::World world(PlantedLog(400, examples::SplitOptions::Kind::kLeaveOneOut));
  for (const uint32_t negatives : {0u, 24u}) {
    CandidateTrainOptions options = QuickTraining();
    options.negatives = negatives;
    Trained trained(world, SmallModel(), options);
    const double popularity = PopularityNdcg(world, trained.pool);
    EXPECT_GT(TestNdcg(world, trained), 2 * popularity) << negatives << " negatives";
    EXPECT_LT(trained.result.epochs.back().loss, trained.result.epochs.front().loss);
  }
}

TEST(TrainCandidateModel, KeepsTheBestEpochAndStopsWhenItGetsNoBetter) {
  const examples::World world(PlantedLog(100, examples::SplitOptions::Kind::kLeaveOneOut));
  CandidateTrainOptions options = QuickTraining();
  options.epochs = 200;
  options.patience = 2;
  Listener progress;
  Trained trained(world, SmallModel(), options, /*threads=*/2, progress);
  const auto& epochs = trained.result.epochs;
  ASSERT_LT(epochs.size(), 200u);
  EXPECT_EQ(progress.last_, fmt::format("stopped early at epoch {}, best epoch {}", epochs.size(),
                                        trained.result.best_epoch + 1));
  EXPECT_EQ(progress.done_, progress.total_ / 200 * epochs.size());
  EXPECT_EQ(epochs.size(), trained.result.best_epoch + 3);
  for (const nn::EpochReport& epoch : epochs) {
    EXPECT_LE(epoch.validation, epochs[trained.result.best_epoch].validation);
  }
  const CandidateValidation validation(
      world.source, trained.tables, examples::SplitPart::kValidation, {}, UINT32_MAX, trained.pool);
  EXPECT_EQ(validation.Ndcg(*trained.result.model, {kernels::Precision::kFp32, &trained.pool}),
            epochs[trained.result.best_epoch].validation);
}

TEST(TrainCandidateModel, WithoutAValidationPartTheLastEpochIsKept) {
  const examples::World world(PlantedLog(40, examples::SplitOptions::Kind::kNone));
  CandidateTrainOptions options = QuickTraining();
  options.epochs = 3;
  Listener progress;
  const Trained trained(world, SmallModel(), options, /*threads=*/2, progress);
  EXPECT_EQ(trained.result.epochs.size(), 3u);
  // It says so once instead of reporting metrics, and its progress ends at the total.
  ASSERT_EQ(progress.notes_.size(), 4u);
  EXPECT_NE(progress.notes_[0].find("training runs all 3 epochs"), std::string::npos);
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(progress.notes_[i].find("validation"), std::string::npos) << progress.notes_[i];
  }
  EXPECT_EQ(progress.done_, progress.total_);
  EXPECT_EQ(trained.result.best_epoch, 2u);
  EXPECT_TRUE(std::isnan(trained.result.epochs[0].validation));
}

TEST(TrainCandidateModel, TR04_SameSeedSameBytes) {
  const examples::World world(PlantedLog(60, examples::SplitOptions::Kind::kLeaveOneOut));
  CandidateTrainOptions options = QuickTraining();
  options.epochs = 2;
  options.negatives = 24;
  options.dropout = 0.1f;
  const auto vectors = [&](uint64_t seed) {
    options.seed = seed;
    const Trained trained(world, SmallModel(2), options);
    const nn::EmbeddingTable& items = trained.result.model->item_vectors();
    return std::vector<float>(items.view().data, items.view().data + items.rows() * items.dim());
  };
  EXPECT_EQ(vectors(1), vectors(1));
  EXPECT_NE(vectors(1), vectors(2));
}

TEST(TrainCandidateModel, CG22_NewUsersGetAListThatDependsOnTheRegion) {
  // Two regions that watch different items; training includes first watches.
  examples::WorldOptions options;
  base::Rng rng(2);
  for (uint32_t u = 0; u < 200; ++u) {
    const std::string user = fmt::format("u{}", u), region = u % 2 == 0 ? "north" : "south";
    schema::RawUser raw;
    raw.user = user;
    raw.region = region;
    options.users.push_back(raw);
    for (int e = 0; e < 6; ++e) {
      options.events.push_back(examples::Watch(user, fmt::format("{}-{}", region, rng.Below(12)),
                                               e * examples::kHour + u, 60));
    }
  }
  options.split.kind = examples::SplitOptions::Kind::kNone;
  const examples::World world(options);
  const Trained trained(world, SmallModel(), QuickTraining());
  const features::FeatureExtractor extractor(trained.tables, world.catalogue,
                                             features::Model::kRetrieval);
  const ann::ExactIndex index(IndexedItems(trained.result.model->item_vectors(),
                                           trained.tables.vocabulary(features::kItemVocabulary)));
  for (const std::string region : {"north", "south"}) {
    features::FeatureBlock batch;
    extractor.AppendQuery(
        features::UserState(), schema::kNone,
        {.time_ms = examples::kStart, .region = world.Id(schema::IdSpace::kRegion, region)},
        &batch);
    std::vector<ann::Hit> hits;
    index.Search(UserVectors(*trained.result.model, batch), 8, {}, &hits);
    ASSERT_EQ(hits.size(), 8u);
    for (const ann::Hit& hit : hits) {
      EXPECT_TRUE(std::isfinite(hit.score));
      EXPECT_THAT(world.catalogue.Name(schema::IdSpace::kItem, hit.id), HasSubstr(region));
    }
  }
}

TEST(TrainCandidateModel, TR05_ADivergingLossIsAnErrorWithAdvice) {
  const examples::World world(PlantedLog(60, examples::SplitOptions::Kind::kLeaveOneOut));
  CandidateTrainOptions options = QuickTraining();
  options.tower_learning_rate = 50.0f;
  options.table_learning_rate = 50.0f;
  base::ThreadPool pool(2);
  const auto trained = TrainCandidateModel(world.source, world.Learn(), SmallModel(), options, pool,
                                           base::NoProgress());
  ASSERT_FALSE(trained);
  EXPECT_EQ(trained.error().code, Code::kInternal);
  EXPECT_THAT(trained.error().message, HasSubstr("lower retrieval.tower_learning_rate"));
}

TEST(TrainCandidateModel, NothingToLearnFromIsAnError) {
  examples::WorldOptions options;
  for (const char* item : {"a", "b", "c"}) {
    options.events.push_back(examples::Watch("u", item, examples::kHour, 1));  // none complete
  }
  options.split.kind = examples::SplitOptions::Kind::kNone;
  const examples::World world(options);
  base::ThreadPool pool(1);
  const auto trained = TrainCandidateModel(world.source, world.Learn(), SmallModel(),
                                           QuickTraining(), pool, base::NoProgress());
  ASSERT_FALSE(trained);
  EXPECT_EQ(trained.error().code, Code::kFailedPrecondition);
}

TEST(TrainCandidateModel, OneItemInEveryEventIsAnErrorThatSaysWhatToCheck) {
  examples::WorldOptions options;
  for (int i = 0; i < 200; ++i) {
    options.events.push_back(
        examples::Watch(fmt::format("u{}", i % 9), "the only one", i * examples::kHour, 60));
  }
  options.split.kind = examples::SplitOptions::Kind::kNone;
  const examples::World world(options);
  base::ThreadPool pool(1);
  const auto trained = TrainCandidateModel(world.source, world.Learn(), SmallModel(),
                                           QuickTraining(), pool, base::NoProgress());
  ASSERT_FALSE(trained);
  EXPECT_THAT(trained.error().message,
              testing::AllOf(HasSubstr("at least two items"), HasSubstr("found 1"),
                             HasSubstr("[labels] positives and [split]")));
}

TEST(TrainCandidateModel, StopsWhenAsked) {
  const examples::World world(PlantedLog(60, examples::SplitOptions::Kind::kLeaveOneOut));
  base::ThreadPool pool(2);
  StopAfter progress(5);
  const auto trained = TrainCandidateModel(world.source, world.Learn(), SmallModel(),
                                           QuickTraining(), pool, progress);
  ASSERT_FALSE(trained);
  EXPECT_EQ(trained.error().code, Code::kCancelled);
}

void ExpectTheSameBytesWhenResumed(const CandidateModelOptions& model) {
  const examples::World world(PlantedLog(60, examples::SplitOptions::Kind::kLeaveOneOut));
  const features::FeatureStatistics tables = world.Learn();
  const base::TestFolder folder;
  base::ThreadPool pool(2);
  CandidateTrainOptions options = QuickTraining();
  options.epochs = 2;
  options.negatives = 24;
  options.in_batch = true;
  options.dropout = options.bag_dropout = 0.1f;
  const auto train = [&](base::Progress& progress) {
    return TrainCandidateModel(world.source, tables, model, options, pool, progress);
  };
  const auto whole = train(base::NoProgress());
  ASSERT_TRUE(whole) << whole.error().message;
  options.checkpoints.folder = folder / "training";
  options.checkpoints.name = "retrieval";
  StopAfter stop(21);
  ASSERT_FALSE(train(stop));
  options.checkpoints.resume = true;
  const auto resumed = train(base::NoProgress());
  ASSERT_TRUE(resumed) << resumed.error().message;
  const auto expected = whole->model->Parameters(), found = resumed->model->Parameters();
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_TRUE(std::ranges::equal(expected[i].value, found[i].value)) << expected[i].name;
  }
}

TEST(TrainCandidateModel, TR04_StoppedAndResumedItGivesTheSameBytes) {
  ExpectTheSameBytesWhenResumed(SmallModel(2));
}

// The checkpoint contains floats, and stochastic rounding needs no further state.
TEST(TrainCandidateModel, TR04_StoppedAndResumedWithTablesInBf16ItGivesTheSameBytes) {
  CandidateModelOptions model = SmallModel(2);
  model.half_tables = true;
  ExpectTheSameBytesWhenResumed(model);
}

TEST(TrainCandidateModel, TR04_StoppedAndResumedTheAttentionEncoderGivesTheSameBytes) {
  CandidateModelOptions model = SmallModel(0);
  model.encoder = "attention";
  model.tie_items = true;
  ExpectTheSameBytesWhenResumed(model);
}

TEST(TrainCandidateModel, TablesInBf16LearnAsWellAndEndInFp32) {
  const examples::World world(PlantedLog(60, examples::SplitOptions::Kind::kLeaveOneOut));
  const features::FeatureStatistics tables = world.Learn();
  base::ThreadPool pool(2);
  std::vector<double> losses, validations;
  for (const bool half : {false, true}) {
    CandidateModelOptions model = SmallModel(1);
    model.half_tables = half;
    const auto trained =
        TrainCandidateModel(world.source, tables, model, QuickTraining(), pool, base::NoProgress());
    ASSERT_TRUE(trained) << trained.error().message;
    EXPECT_FALSE(trained->model->item_vectors().is_half());
    EXPECT_EQ(trained->model->Parameters().front().half.size(), 0u);
    losses.push_back(trained->epochs.back().loss);
    validations.push_back(trained->epochs[trained->best_epoch].validation);
  }
  EXPECT_NEAR(losses[1], losses[0], 0.05 * losses[0]);
  EXPECT_NEAR(validations[1], validations[0], 0.05);
}

// Weights scale the loss and that of guessing alike: both are per weight, as is the loss that is shown.
TEST(TrainCandidateModel, TR05_LargeWeightsAreNoDivergence) {
  examples::WorldOptions planted = PlantedLog(60, examples::SplitOptions::Kind::kLeaveOneOut);
  CandidateTrainOptions options = QuickTraining();
  options.epochs = 1;
  std::vector<double> losses;
  for (const float weight : {1.0f, 64.0f}) {
    planted.rule.SetPositive(schema::EventType::kWatch, weight);
    const examples::World world(planted);
    const Trained trained(world, SmallModel(), options);
    ASSERT_EQ(trained.result.epochs.size(), 1u) << weight;
    losses.push_back(trained.result.epochs[0].loss);
  }
  EXPECT_NEAR(losses[1], losses[0], 0.1 * losses[0]);
}

TEST(TrainCandidateModel, LinesOfEpochsNameTheModelOfAnEnsemble) {
  const examples::World world(PlantedLog(20, examples::SplitOptions::Kind::kLeaveOneOut));
  CandidateTrainOptions options = QuickTraining();
  options.epochs = 1;
  for (const uint32_t models : {1u, 2u}) {
    CandidateModelOptions model = SmallModel();
    model.ensemble = models;
    Listener progress;
    const Trained trained(world, model, options, /*threads=*/2, progress);
    EXPECT_THAT(progress.notes_,
                testing::Contains(testing::StartsWith(
                    models == 1 ? "epoch 1: loss" : "candidate model 2 of 2, epoch 1: loss")));
  }
}

// Which rows move slowly is not kept, so that --continue-if-possible could never continue.
TEST(CandidateTrainOptions, StateIsNotKeptOfRowsThatMoveSlowly) {
  const auto mistakes = [](const std::string& more) {
    const auto config = base::Config::Parse("[retrieval]\nkeep_state = true\n" + more, "test");
    EXPECT_TRUE(config);
    CandidateTrainOptions::FromConfig(config->Table("retrieval"));
    const Status checked = config->Check();
    return checked ? std::string() : checked.error().message;
  };
  EXPECT_THAT(mistakes("pretrained = \"item2vec\"\npretrained_rate = 0.5\n"),
              HasSubstr("expected false with pretrained_rate = 0.5"));
  EXPECT_EQ(mistakes("pretrained = \"item2vec\"\n"), "");
}

TEST(CandidateTrainOptions, ReadsItsTable) {
  const auto config = base::Config::Parse(
      "[retrieval]\nnegatives = 100\nsampler = \"log-uniform\"\nlabels = \"held-out\"\n"
      "table_learning_rate = 0.1\nlogq = 0.5\nloss = \"gbce\"\ncalibration = 0\nin_batch = true\n",
      "test");
  ASSERT_TRUE(config);
  const auto options = CandidateTrainOptions::FromConfig(config->Table("retrieval"));
  ASSERT_TRUE(config->Check()) << config->Check().error().message;
  EXPECT_EQ(options.negatives, 100u);
  EXPECT_EQ(options.sampler.kind, examples::SamplerOptions::Kind::kLogUniform);
  EXPECT_EQ(options.labels, examples::CandidateStreamOptions::Labels::kHeldOut);
  EXPECT_FLOAT_EQ(options.table_learning_rate, 0.1f);
  EXPECT_EQ(options.logq, 0.5);
  EXPECT_EQ(options.loss, CandidateTrainOptions::Loss::kGbce);
  EXPECT_EQ(options.calibration, 0);
  EXPECT_TRUE(options.in_batch);
}

TEST(CandidateTrainOptions, GbceNeedsNegatives) {
  for (const bool in_batch : {false, true}) {
    const auto config = base::Config::Parse(
        fmt::format("[retrieval]\nloss = \"gbce\"\nnegatives = 0\nin_batch = {}\n", in_batch),
        "test");
    ASSERT_TRUE(config);
    CandidateTrainOptions::FromConfig(config->Table("retrieval"));
    EXPECT_EQ(config->Check().has_value(), in_batch);
    if (in_batch) continue;
    EXPECT_THAT(config->Check().error().message, HasSubstr("in_batch = true"));
  }
}

}  // namespace
}  // namespace upnext::retrieval
