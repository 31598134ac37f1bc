#include "retrieval/attention_encoder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/rng.h"
#include "examples/test_world.h"
#include "features/feature_block.h"
#include "kernels/gemm.h"
#include "retrieval/test_batch.h"
#include "retrieval/test_judge.h"

namespace upnext::retrieval {
namespace {

using testing::HasSubstr;

CandidateModelOptions SmallAttention() {
  CandidateModelOptions options;
  options.encoder = "attention";
  options.dim = options.embedding_dim = 8;
  options.context_dim = 2;
  options.depth = 0;
  options.tie_items = true;
  options.sequence_length = 4;
  options.heads = 2;
  return options;
}
CandidateModel AttentionModel(const CandidateModelOptions& options = SmallAttention()) {
  base::Rng rng(3);
  return CandidateModel(options, SmallShape(), rng);
}
// One row, equal to others in all but the watches.
features::CandidateBatch RowWith(const std::vector<uint32_t>& watches) {
  features::CandidateBatch batch = RandomBatch(1, SmallShape());
  WatchesOf(batch).ids = watches;
  WatchesOf(batch).offsets = {0, static_cast<uint32_t>(watches.size())};
  return batch;
}

void ExpectNear(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-5);
}

TEST(AttentionEncoder, TheOrderOfTheNewestWatchesMattersAndOlderOnesDoNot) {
  const CandidateModel model = AttentionModel();
  const std::vector<float> before = UserVectors(model, RowWith({1, 2, 3, 4}));
  EXPECT_NE(UserVectors(model, RowWith({2, 1, 3, 4})), before);
  EXPECT_NE(UserVectors(model, RowWith({1, 2, 3})), before);
  EXPECT_EQ(UserVectors(model, RowWith({7, 5, 1, 2, 3, 4})), before);
  EXPECT_NE(UserVectors(model, RowWith({})), UserVectors(model, RowWith({1})));
}

TEST(AttentionEncoder, OtherRowsOfABatchChangeNothing) {
  const CandidateModel model = AttentionModel();
  const features::CandidateBatch batch = RandomBatch(150, SmallShape(), 9);
  const std::vector<float> together = UserVectors(model, batch);
  for (const size_t row : {0u, 63u, 64u, 149u}) {
    features::FeatureBlock alone;
    alone.categorical.resize(batch.features.categorical.size());
    alone.AppendRow(batch.features, row);
    ExpectNear(UserVectors(model, alone), {together.begin() + static_cast<long>(row * 8),
                                           together.begin() + static_cast<long>((row + 1) * 8)});
  }
}

void ExpectTrainingComputesWhatIsServed(const CandidateShape& shape) {
  CandidateModelOptions options = SmallAttention();
  options.sequence_length = 6;  // no history is longer, so that training cuts none
  base::Rng seed(3);
  CandidateModel model(options, shape, seed);
  base::ThreadPool pool(2);
  const auto training = model.encoder().MakeTraining({}, pool);
  features::CandidateBatch batch = RandomBatch(70, shape, 9);
  std::vector<uint32_t> users(batch.size());
  for (size_t row = 0; row < users.size(); ++row) users[row] = static_cast<uint32_t>(row);
  SayOfWatches(shape, users, &batch);
  base::Rng rng(1);
  base::Tasks tasks;
  training->Begin(batch.features, kernels::Precision::kFp32, rng, tasks);
  base::RunAll(tasks, &pool);
  training->Run([](size_t, size_t n, const float*, kernels::OperandView, float* d_users) {
    std::fill_n(d_users, n * 8, 0.0f);
  });
  ExpectNear({training->users(), training->users() + batch.size() * 8}, UserVectors(model, batch));
}

TEST(AttentionEncoder, TrainingComputesTheVectorsThatAreServed) {
  ExpectTrainingComputesWhatIsServed(SmallShape());
  ExpectTrainingComputesWhatIsServed(EventShape());
}

TEST(AttentionEncoder, WhatIsSaidOfAnEventCountsAtItsPlace) {
  base::Rng rng(3);
  const CandidateShape shape = EventShape();
  const CandidateModel model(SmallAttention(), shape, rng);
  const auto users = [&](const std::vector<uint32_t>& types) {
    features::CandidateBatch batch = RandomBatch(1, shape);
    WatchesOf(batch).ids = {1, 2, 3, 4};
    WatchesOf(batch).offsets = {0, 4};
    features::Bags& said = batch.features.categorical[shape.inputs.query.slots.size() - 2];
    said.ids = types;
    said.offsets = {0, static_cast<uint32_t>(types.size())};
    return UserVectors(model, batch);
  };
  const std::vector<float> before = users({1, 2, 2, 3});
  EXPECT_NE(users({2, 1, 2, 3}), before) << "the same of other events";
  EXPECT_NE(users({1, 2, 2, 0}), before);
  EXPECT_EQ(users({}), users({0, 0, 0, 0})) << "a list that was dropped says nothing";
  EXPECT_EQ(users({}), users({1, 2, 2})) << "which of them is missing is not known";
}

TEST(AttentionEncoder, SizesAndInputsThatItCannotHaveAreRefused) {
  CandidateModelOptions options = SmallAttention();
  options.heads = 3;
  const Status heads = CheckEncoder(options, SmallShape());
  ASSERT_FALSE(heads);
  EXPECT_THAT(heads.error().message, HasSubstr("a multiple of heads"));
  CandidateShape shape = SmallShape();
  shape.inputs.query.slots[0].ordered = false;
  const Status list = CheckEncoder(SmallAttention(), shape);
  ASSERT_FALSE(list);
  EXPECT_THAT(list.error().message, HasSubstr("history(interest, item, 200)"));
}

// The two items of a pair in one order or the other, then what follows that order. The two newest items
// alone are read: as a set they are the same in both.
examples::WorldOptions OrderedPairs() {
  constexpr uint32_t kPairs = 4;
  base::Rng rng(51);
  examples::WorldOptions options;
  for (uint32_t u = 0; u < 300; ++u) {
    int64_t at = u * 1000;
    for (int round = 0; round < 6; ++round) {
      const uint64_t pair = rng.Below(kPairs), first = rng.Below(2);
      for (const std::string& item :
           {fmt::format("key{}-{}", pair, first), fmt::format("key{}-{}", pair, 1 - first),
            fmt::format("answer{}-{}", pair, first)}) {
        options.events.push_back(
            examples::Watch(fmt::format("u{}", u), item, at += examples::kHour, 60));
      }
    }
  }
  options.split.kind = examples::SplitOptions::Kind::kLeaveOneOut;
  return options;
}

TEST(AttentionEncoder, LearnsAnEffectOfOrderThatABagCannot) {
  const examples::World world(OrderedPairs());
  const std::string two = "history(interest, item, 2)";
  const Judged bag = TrainAndJudge(world, {.depth = 1, .watches = two});
  const Judged attention =
      TrainAndJudge(world, {.depth = 0, .tie_items = true, .encoder = "attention", .watches = two});
  // Of two answers that are equally likely the first is right for half of the users: precision 3 / 4.
  // The deviation of one user's is 1 / 4.
  const double error = 0.25 / std::sqrt(static_cast<double>(bag.precision.size()));
  EXPECT_LT(bag.map(), 0.75 + 4 * error);
  EXPECT_GT(attention.map(), 0.75 + 4 * error);
}

}  // namespace
}  // namespace upnext::retrieval
