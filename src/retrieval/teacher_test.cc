#include "retrieval/teacher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/config.h"
#include "base/thread_pool.h"
#include "examples/test_world.h"
#include "nn/parameter.h"
#include "retrieval/candidate_training.h"
#include "retrieval/test_batch.h"
#include "retrieval/test_planted.h"
#include "retrieval/test_trainer.h"

namespace upnext::retrieval {
namespace {

CandidateModel TwoTeachers() {
  std::vector<CandidateModel> members;
  for (const uint64_t seed : {21u, 22u}) {
    base::Rng rng(seed);
    members.emplace_back(StepOptions(1), SmallShape(), rng);
    // Scores that differ, as of trained models.
    for (const nn::Parameter& p : members.back().Parameters()) {
      for (float& value : p.value) value *= 2;
    }
  }
  return CandidateModel::Join(std::move(members));
}

// The softmax of a model's scores over rows 1 and up, by its definition: [examples, rows], row 0 is 0.
std::vector<double> SoftmaxOf(const CandidateModel& model, const features::CandidateBatch& batch) {
  const std::vector<float> users = UserVectors(model, batch);
  const size_t rows = model.shape().items, dim = model.dim();
  std::vector<double> shares(batch.size() * rows);
  for (size_t i = 0; i < batch.size(); ++i) {
    double total = 0;
    for (uint32_t row = 1; row < rows; ++row) {
      double score = 0;
      for (size_t d = 0; d < dim; ++d) {
        score += double{users[i * dim + d]} * double{model.item_vectors().Row(row)[d]};
      }
      total += shares[i * rows + row] = std::exp(score);
    }
    for (uint32_t row = 1; row < rows; ++row) shares[i * rows + row] /= total;
  }
  return shares;
}

TEST(Teacher, SharesAreTheSoftmaxOfItsScoresOverAllItems) {
  const CandidateModel model = TwoTeachers();
  base::ThreadPool pool(2);
  Teacher teacher(&model, pool);
  for (const uint64_t seed : {1u, 2u}) {
    const features::CandidateBatch batch = RandomBatch(150, SmallShape(), seed);
    const std::vector<double> expected = SoftmaxOf(model, batch);
    teacher.Begin(batch.features, kernels::Precision::kFp32);
    constexpr size_t kFirst = 2, kCount = 5, kBegin = 90, kN = 30;
    std::vector<float> shares(kN * kCount);
    teacher.Shares(kBegin, kN, kFirst, kCount, shares.data());
    for (size_t i = 0; i < kN; ++i) {
      for (size_t c = 0; c < kCount; ++c) {
        const double share = expected[(kBegin + i) * model.shape().items + kFirst + c + 1];
        ASSERT_NEAR(double{shares[i * kCount + c]}, share, 1e-6);
      }
    }
  }
}

TEST(Distillation, LossAndGradientsAreThoseOfLabelsAndTeacherMixed) {
  const CandidateModel model = TwoTeachers();
  for (const double weight : {0.3, 1.0}) {
    SCOPED_TRACE(weight);
    CandidateTrainOptions options = ExactOptions();
    options.negatives = 0;
    options.teacher = &model;
    options.distill = weight;
    Rig rig(StepOptions(1), options);
    rig.batch.weight[3] = 0.5f;
    const std::vector<double> taught = SoftmaxOf(model, rig.batch);
    const auto loss = [&] {
      const std::vector<double> shares = SoftmaxOf(rig.model, rig.batch);
      const size_t rows = rig.model.shape().items;
      double sum = 0;
      for (size_t i = 0; i < rig.batch.size(); ++i) {
        double of_teacher = 0;
        for (uint32_t row = 1; row < rows; ++row) {
          of_teacher -= taught[i * rows + row] * std::log(shares[i * rows + row]);
        }
        const double of_label = -std::log(shares[i * rows + rig.batch.label[i]]);
        sum += double{rig.batch.weight[i]} * ((1 - weight) * of_label + weight * of_teacher);
      }
      return sum / static_cast<double>(rig.batch.size());
    };
    const nn::LossValue found = rig.trainer.FullGradients(rig.batch);
    EXPECT_NEAR(found.mean(), loss(), 1e-5);
    CheckAllGradients(rig, loss);
  }
}

TEST(Distillation, OfAnEnsembleGivesOneModelThatScoresAlmostAsItDoes) {
  const examples::World world(PlantedLog(200, examples::SplitOptions::Kind::kLeaveOneOut));
  CandidateModelOptions model = SmallModel();
  model.ensemble = 2;
  CandidateTrainOptions options = QuickTraining();
  Trained ensemble(world, model, options);
  options.distill = 1;  // no label is seen
  Trained taught(world, model, options);
  EXPECT_EQ(taught.result.model->dim(), 16u);
  EXPECT_EQ(taught.result.teacher_epochs, ensemble.result.chosen_epochs);
  EXPECT_GT(TestNdcg(world, taught), 0.8 * TestNdcg(world, ensemble));
}

TEST(Distillation, NeedsAllItemsAnEnsembleAndNoState) {
  const examples::World world(PlantedLog(40, examples::SplitOptions::Kind::kNone));
  base::ThreadPool pool(1);
  CandidateModelOptions model = SmallModel();
  model.ensemble = 2;
  CandidateTrainOptions options = QuickTraining();
  options.epochs = 1;
  options.negatives = 8;
  options.distill = 0.5;
  const auto sampled =
      TrainCandidateModel(world.source, world.Learn(), model, options, pool, base::NoProgress());
  ASSERT_FALSE(sampled);
  EXPECT_THAT(sampled.error().message, testing::HasSubstr("set retrieval.negatives = 0"));
  options.negatives = 0;
  options.in_batch = true;
  const auto in_batch =
      TrainCandidateModel(world.source, world.Learn(), model, options, pool, base::NoProgress());
  ASSERT_FALSE(in_batch);
  EXPECT_THAT(in_batch.error().message,
              testing::HasSubstr("found negatives = 0, in_batch = true;"));
  const auto mistakes = [](const std::string& text) {
    const auto config = base::Config::Parse("[retrieval]\n" + text, "test");
    EXPECT_TRUE(config);
    CandidateTrainOptions::FromConfig(config->Table("retrieval"));
    const Status checked = config->Check();
    return checked ? std::string() : checked.error().message;
  };
  EXPECT_THAT(mistakes("distill = 0.5\n"), testing::HasSubstr("set ensemble = 2 or more"));
  EXPECT_THAT(mistakes("distill = 0.5\nensemble = 2\nkeep_state = true\n"),
              testing::HasSubstr("keep_state"));
}

}  // namespace
}  // namespace upnext::retrieval
