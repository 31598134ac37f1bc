#include "retrieval/candidate_trainer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "kernels/vector_ops.h"
#include "retrieval/test_batch.h"
#include "retrieval/test_trainer.h"

namespace upnext::retrieval {
namespace {

TEST(CandidateTrainer, CG10_FullSoftmaxGradientsAreThoseOfTheLoss) {
  for (const uint32_t depth : {0u, 1u, 3u}) {
    SCOPED_TRACE(depth);
    Rig rig(StepOptions(depth));
    const auto loss = [&] { return ReferenceLoss(rig, AllRows(), 0); };
    EXPECT_NEAR(rig.trainer.FullGradients(rig.batch).mean(), loss(), 1e-5);
    CheckAllGradients(rig, loss);
  }
}

TEST(CandidateTrainer, CG10_CG13_SampledSoftmaxGradientsAreThoseOfTheCorrectedLoss) {
  const std::vector<uint32_t> negatives = {1, 2, 2, 5, 8, 3};
  for (const uint32_t depth : {0u, 3u}) {
    SCOPED_TRACE(depth);
    Rig rig(StepOptions(depth));
    const double log_expected = std::log(6.0 / 8.0);  // six draws from eight items, uniformly
    const auto loss = [&] { return ReferenceLoss(rig, negatives, log_expected); };
    EXPECT_NEAR(rig.trainer.SampledGradients(rig.batch, negatives).mean(), loss(), 1e-5);
    CheckAllGradients(rig, loss);
  }
}

TEST(CandidateTrainer, GradientsFollowTheWeightsOfExamplesAndOfHistories) {
  const std::vector<uint32_t> negatives = {1, 2, 2, 5, 8, 3};
  for (const bool full : {true, false}) {
    SCOPED_TRACE(full);
    Rig rig(StepOptions(1));
    for (size_t i = 0; i < rig.batch.size(); ++i) {
      rig.batch.weight[i] = 0.3f + static_cast<float>(i % 3);
    }
    features::Bags& watches = WatchesOf(rig.batch);
    for (size_t i = 0; i < watches.ids.size(); ++i) {
      watches.weights.push_back(1.0f + static_cast<float>(i % 3));
    }
    const auto loss = [&] {
      return full ? ReferenceLoss(rig, AllRows(), 0)
                  : ReferenceLoss(rig, negatives, std::log(6.0 / 8.0));
    };
    const double found = full ? rig.trainer.FullGradients(rig.batch).mean()
                              : rig.trainer.SampledGradients(rig.batch, negatives).mean();
    EXPECT_NEAR(found, loss(), 1e-5);
    CheckAllGradients(rig, loss);
  }
}

// No two rows of a table are nearly equal in a component, where a maximum has no derivative.
void SpreadRows(CandidateModel& model) {
  for (const nn::Parameter& p : model.Parameters()) {
    if (!p.name.starts_with("embedding.")) continue;
    const size_t dim = p.shape[1];
    for (size_t i = dim; i < p.value.size(); ++i) {
      p.value[i] = 0.1f * static_cast<float>((i / dim * 5 + i % dim * 3) % 11) - 0.5f;
    }
  }
}

TEST(CandidateTrainer, CG04_CG06_GradientsOfEveryPoolingAreThoseOfTheLoss) {
  for (size_t kind = 0; kind < std::size(kPoolings); ++kind) {
    for (const bool weighs : {false, true}) {
      SCOPED_TRACE(fmt::format("{} {}", kPoolings[kind], weighs));
      CandidateModelOptions options = StepOptions(0);
      options.pooling = static_cast<Pooling>(kind);
      options.recent_windows = {2, 3};  // of one item attention has no choice
      Rig rig(options);
      SpreadRows(rig.model);
      features::Bags& watches = WatchesOf(rig.batch);
      for (size_t i = 0; weighs && i < watches.ids.size(); ++i) {
        watches.weights.push_back(1.0f + static_cast<float>(i % 3));
      }
      const auto loss = [&] { return ReferenceLoss(rig, AllRows(), 0); };
      EXPECT_NEAR(rig.trainer.FullGradients(rig.batch).mean(), loss(), 1e-5);
      CheckAllGradients(rig, loss);
    }
  }
}

// Rows 0 to 5 are one user's; rows 6 and 7 are two others', the last with more than is read.
void MakeSequences(features::CandidateBatch& batch, const CandidateShape& shape = SmallShape()) {
  batch = RandomBatch(8, shape, /*seed=*/5);
  features::Bags& watches = WatchesOf(batch);
  watches.Clear();
  const std::vector<uint32_t> first = {3, 1, 0, 4, 4}, second = {2, 7, 5, 6, 8, 1};
  for (size_t row = 0; row < 8; ++row) {
    const std::vector<uint32_t>& items = row < 6 ? first : second;
    const size_t n = row < 6 ? row : row - 1;
    watches.ids.insert(watches.ids.end(), items.begin(), items.begin() + static_cast<long>(n));
    watches.Close();
  }
  watches.ids[watches.offsets[7] - 1] = 2;
  SayOfWatches(shape, {0, 0, 0, 0, 0, 0, 1, 2}, &batch);
}

CandidateModelOptions SequenceOptions(bool tied) {
  CandidateModelOptions options = StepOptions(0, tied);
  options.encoder = "attention";
  options.embedding_dim = 4;
  options.recent_windows = {};
  options.sequence_length = 5;
  options.heads = 2;
  options.hidden = 3;
  return options;
}

TEST(CandidateTrainer, AttentionGradientsAreThoseOfTheLoss) {
  for (const auto& [tied, shape] : {std::pair(false, SmallShape()), std::pair(true, SmallShape()),
                                    std::pair(true, EventShape())}) {
    SCOPED_TRACE(fmt::format("{} {}", tied, shape.inputs.query.slots.size()));
    Rig rig(SequenceOptions(tied), ExactOptions(), {}, shape);
    MakeSequences(rig.batch, shape);
    // The beginning has nothing but a position: normalised, a small one bends within a difference.
    for (const nn::Parameter& p : rig.model.Parameters()) {
      if (p.name == "positions") kernels::Scale(20.0f, p.value.data(), p.value.size());
    }
    const auto loss = [&] { return ReferenceLoss(rig, AllRows(), 0); };
    EXPECT_NEAR(rig.trainer.FullGradients(rig.batch).mean(), loss(), 1e-5);
    CheckAllGradients(rig, loss);
  }
}

// The newest first, rows share nothing: each has a sequence of its own.
void ExpectTogetherAsApart(const CandidateShape& shape) {
  Rig together(SequenceOptions(true), ExactOptions(), {}, shape),
      apart(SequenceOptions(true), ExactOptions(), {}, shape);
  MakeSequences(together.batch, shape);
  apart.batch.Clear();
  apart.batch.features.categorical.resize(together.batch.features.categorical.size());
  for (const size_t row : {7u, 6u, 5u, 4u, 3u, 2u, 1u, 0u}) {
    apart.batch.features.AppendRow(together.batch.features, row);
    apart.batch.label.push_back(together.batch.label[row]);
    apart.batch.weight.push_back(together.batch.weight[row]);
  }
  EXPECT_NEAR(together.trainer.FullGradients(together.batch).mean(),
              apart.trainer.FullGradients(apart.batch).mean(), 1e-5);
  const std::vector<nn::Parameter> a = together.model.Parameters(), b = apart.model.Parameters();
  for (size_t i = 0; i < a.size(); ++i) {
    for (size_t j = 0; j < a[i].gradient.size(); ++j) {
      EXPECT_NEAR(a[i].gradient[j], b[i].gradient[j], 1e-5) << a[i].name;
    }
  }
  together.trainer.Apply();
  apart.trainer.Apply();
  for (size_t i = 0; i < a.size(); ++i) {
    if (!a[i].gradient.empty()) continue;
    for (size_t j = 0; j < a[i].value.size(); ++j) {
      EXPECT_NEAR(a[i].value[j], b[i].value[j], 1e-5) << a[i].name;
    }
  }
}

TEST(CandidateTrainer, TrainingOnAllPlacesOfASequenceEqualsOnePlaceAtATime) {
  ExpectTogetherAsApart(SmallShape());
}

TEST(CandidateTrainer, TrainingOnAllPlacesEqualsOneAtATimeWithWhatIsSaidOfEachEvent) {
  ExpectTogetherAsApart(EventShape());
}

TEST(CandidateTrainer, CG12_TiedGradientsAddUpInTheOneTable) {
  Rig rig(StepOptions(1, /*tied=*/true));
  const auto loss = [&] { return ReferenceLoss(rig, AllRows(), 0); };
  rig.trainer.FullGradients(rig.batch);
  CheckAllGradients(rig, loss);
}

// Uniform Q with as many draws as items expects each item once, so sampling each once is no
// approximation.
TEST(CandidateTrainer, CG13_AllClassesSampledOnceEqualTheFullSoftmax) {
  const std::vector<uint32_t> all = AllRows();
  Rig full(StepOptions(2)), sampled(StepOptions(2));
  const double full_loss = full.trainer.FullGradients(full.batch).mean();
  const double sampled_loss = sampled.trainer.SampledGradients(sampled.batch, all).mean();
  EXPECT_NEAR(full_loss, sampled_loss, 1e-5);
  full.trainer.Apply();
  sampled.trainer.Apply();
  for (uint32_t row = 1; row < SmallShape().items; ++row) {
    for (size_t d = 0; d < 4; ++d) {
      EXPECT_NEAR(full.model.item_vectors().Row(row)[d], sampled.model.item_vectors().Row(row)[d],
                  1e-5);
    }
  }
}

TEST(CandidateTrainer, FullSoftmaxWhenNegativesAreNoneOrAsManyAsItems) {
  CandidateTrainOptions options = ExactOptions();
  for (const auto& [negatives, full] : {std::pair{0u, true}, {7u, false}, {8u, true}}) {
    options.negatives = negatives;
    EXPECT_EQ(Rig(StepOptions(1), options).trainer.full_softmax(), full) << negatives;
  }
}

TEST(CandidateTrainer, CG01_RowZeroNeverMovesAndNeverCounts) {
  Rig rig(StepOptions(1));
  WatchesOf(rig.batch).ids.assign(WatchesOf(rig.batch).ids.size(), 0);
  const std::vector<float> before = UserVectors(rig.model, rig.batch);
  const auto values = rig.model.Parameters()[0].value;
  ASSERT_EQ(rig.model.Parameters()[0].name, "embedding.item");
  const std::vector<float> table(values.begin(), values.end());
  rig.trainer.FullGradients(rig.batch);
  rig.trainer.Apply();
  EXPECT_TRUE(std::ranges::equal(rig.model.Parameters()[0].value, table));
  WatchesOf(rig.batch).ids.clear();
  WatchesOf(rig.batch).offsets.assign(rig.batch.size() + 1, 0);
  Rig fresh(StepOptions(1));
  EXPECT_EQ(UserVectors(fresh.model, rig.batch), before);  // as if the bags were empty
}

TEST(CandidateTrainer, DropoutVariesTrainingAndLeavesServingAlone) {
  for (const bool bags : {false, true}) {
    CandidateTrainOptions options = ExactOptions();
    options.negatives = 0;
    (bags ? options.bag_dropout : options.dropout) = 0.5f;
    options.table_learning_rate = options.tower_learning_rate = 0.0f;
    Rig rig(StepOptions(1), options);
    const std::vector<float> before = UserVectors(rig.model, rig.batch);
    const double first = rig.trainer.Step(rig.batch).mean();
    bool varies = false;
    for (int i = 0; i < 5; ++i) varies |= rig.trainer.Step(rig.batch).mean() != first;
    EXPECT_TRUE(varies);
    EXPECT_EQ(UserVectors(rig.model, rig.batch), before);
  }
}

TEST(CandidateTrainer, DropoutSparesTheNumbers) {
  CandidateTrainOptions options = ExactOptions();
  options.negatives = 0;
  options.dropout = 0.5f;
  options.table_learning_rate = options.tower_learning_rate = 0.0f;
  Rig rig(StepOptions(1), options);
  // Nothing but numbers: no bags, and no region or device that is known.
  WatchesOf(rig.batch).ids.clear();
  WatchesOf(rig.batch).offsets.assign(rig.batch.size() + 1, 0);
  TokensOf(rig.batch) = WatchesOf(rig.batch);
  for (const size_t single : {2u, 3u}) {
    std::ranges::fill(rig.batch.features.categorical[single].ids, 0);
  }
  const double first = rig.trainer.Step(rig.batch).mean();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(rig.trainer.Step(rig.batch).mean(), first);
}

TEST(CandidateTrainer, TwoTrainersFromOneSeedAgreeToTheByte) {
  CandidateTrainOptions options;
  options.negatives = 6;
  options.dropout = 0.2f;
  options.bag_dropout = 0.2f;
  const auto train = [&] {
    base::Rng rng(3);
    base::ThreadPool pool(2);
    const features::Vocabulary vocabulary = SmallVocabulary(SmallShape().items);
    CandidateModel model(StepOptions(2), SmallShape(), rng);
    CandidateTrainer trainer(&model, options, vocabulary, pool);
    for (uint64_t step = 0; step < 30; ++step) trainer.Step(RandomBatch(16, SmallShape(), step));
    return UserVectors(model, RandomBatch(10, SmallShape(), 99));
  };
  EXPECT_EQ(train(), train());
}

}  // namespace
}  // namespace upnext::retrieval
