#include "evaluation/retrieval_models.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/progress.h"
#include "base/thread_pool.h"
#include "evaluation/evaluate.h"
#include "evaluation/order_choice.h"
#include "examples/test_world.h"
#include "features/feature_statistics.h"
#include "retrieval/test_user_item_model.h"

namespace upnext::evaluation {
namespace {

using retrieval::NegativeScores;

examples::WorldOptions Log() {
  examples::WorldOptions options =
      examples::RandomWorld(/*seed=*/7, /*users=*/80, /*items=*/30, /*events_of_largest=*/2000);
  options.split = {.kind = examples::SplitOptions::Kind::kTime,
                   .train_until_ms = examples::kStart + 3 * examples::kDay,
                   .validation_until_ms = examples::kStart + 6 * examples::kDay};
  return options;
}

class RetrievalModelsTest : public testing::Test {
 protected:
  size_t rows() const { return tables_.vocabulary(features::kItemVocabulary).rows(); }

  const examples::World world_{Log()};
  const features::FeatureStatistics tables_ = world_.Learn();
  base::ThreadPool pool_{2};
};

TEST_F(RetrievalModelsTest, ItemsWithoutAVectorAreUnrankedAndNotTheBest) {
  ASSERT_GT(rows(), 6u);
  const NegativeScores candidate(rows(), rows() - 3);
  const Subject subject{world_.source, tables_, &candidate};
  std::vector<float> scores;
  std::vector<CaseInput> inputs(1);
  inputs[0].state = features::UserState(tables_.plan.state());
  ASSERT_TRUE(CandidateModelScores(subject)->Score(inputs, &scores));
  ASSERT_EQ(scores.size(), rows());
  for (uint32_t row = 0; row < rows(); ++row) {
    const bool ranked = row != 0 && row < rows() - 3;
    EXPECT_EQ(scores[row], ranked ? -static_cast<float>(row) : kUnranked) << row;
  }
}

TEST_F(RetrievalModelsTest, AModelThatFailsEndsEvaluationAndChoiceOfTheOrder) {
  const NegativeScores candidate(rows(), rows(), "encoder.onnx: the output is NaN");
  const Subject subject{world_.source, tables_, &candidate};
  const auto report = Evaluate(subject, {}, pool_, base::NoProgress());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().message, "encoder.onnx: the output is NaN");
  const auto order = ChooseOrder(subject, {}, retrieval::OrdersOf(retrieval::OrderRule::kAuto),
                                 pool_, base::NoProgress());
  ASSERT_FALSE(order);
  EXPECT_EQ(order.error().message, "encoder.onnx: the output is NaN");
}

}  // namespace
}  // namespace upnext::evaluation
