#include "retrieval/user_vectors.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "examples/test_world.h"
#include "features/feature_extractor.h"
#include "nn/parameter.h"
#include "retrieval/test_batch.h"
#include "retrieval/test_user_item_model.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

class SampleUserVectorsTest : public testing::Test {
 protected:
  std::vector<float> Sample(uint32_t max_users) {
    return SampleUserVectors(world_.source, tables_, model_, max_users, pool_).value();
  }
  // The vector of one user, computed separately by the same functions.
  std::vector<float> Expected(uint32_t user, uint64_t end_row) {
    const schema::Event last = world_.log.event(end_row - 1);
    features::FeatureBlock batch;
    features::FeatureExtractor(tables_, world_.catalogue, features::Model::kRetrieval)
        .AppendQuery(
            examples::StateAt(world_.source, user, end_row, tables_.plan.retrieval_state()), user,
            {.time_ms = last.time_ms, .device = last.device, .region = last.region}, &batch);
    return UserVectors(model_, batch);
  }

  const examples::World world_{examples::RandomWorld(5)};
  const features::FeatureStatistics tables_ = world_.Learn();
  base::Rng rng_{3};
  const CandidateModel model_{
      {.dim = 6, .embedding_dim = 6, .depth = 1, .recent_windows = {}}, ShapeOf(tables_), rng_};
  base::ThreadPool pool_{2};
};

TEST_F(SampleUserVectorsTest, EachUserHasTheStateAtTheEndOfTraining) {
  const std::vector<float> all = Sample(1000);
  ASSERT_EQ(all.size(), size_t{world_.log.users()} * 6);
  size_t with_later_events = 0;
  for (uint32_t user = 0; user < world_.log.users(); ++user) {
    const uint64_t end = world_.split.train_end(user);
    ASSERT_GT(end, world_.log.begin(user));
    const std::vector<float> expected = Expected(user, end);
    for (size_t d = 0; d < 6; ++d) EXPECT_NEAR(all[user * 6 + d], expected[d], 1e-5) << user;
    with_later_events += world_.log.end(user) > end ? 1 : 0;
  }
  EXPECT_GT(with_later_events, 0u) << "the log must hold something that a sample must not see";
}

TEST_F(SampleUserVectorsTest, ASampleIsSpreadEvenlyOverTheLog) {
  const std::vector<float> all = Sample(1000), some = Sample(3);
  ASSERT_EQ(world_.log.users(), 12u);
  ASSERT_EQ(some.size(), 3u * 6);
  for (size_t i = 0; i < 3; ++i) {
    for (size_t d = 0; d < 6; ++d) EXPECT_NEAR(some[i * 6 + d], all[4 * i * 6 + d], 1e-5);
  }
  EXPECT_TRUE(Sample(0).empty());
}

// Fails for users together, and for the first `failing` of those that come alone.
class FailsForSome : public NegativeScores {
 public:
  explicit FailsForSome(int failing) : NegativeScores(3, 3), failing_(failing) {}
  Status EncodeUsers(const features::FeatureBlock& batch, float* out, Scratch& scratch,
                     const nn::Compute& compute) const override {
    if (batch.rows > 1 || failing_-- > 0) return Internal("encoder.onnx: NaN");
    return NegativeScores::EncodeUsers(batch, out, scratch, compute);
  }

 private:
  mutable int failing_;
};

TEST_F(SampleUserVectorsTest, UsersForWhomANetworkFailsAreLeftOut) {
  const auto some = SampleUserVectors(world_.source, tables_, FailsForSome(2), 1000, pool_);
  ASSERT_TRUE(some) << some.error().message;
  EXPECT_EQ(some->size(), size_t{world_.log.users() - 2} * 2);
  for (size_t i = 0; i < some->size(); ++i) EXPECT_EQ((*some)[i], i % 2 == 0 ? -1 : 0);
  const auto none = SampleUserVectors(world_.source, tables_, FailsForSome(1000), 1000, pool_);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message, "encoder.onnx: NaN");
}

}  // namespace
}  // namespace upnext::retrieval
