#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "nn/gradient_check.h"
#include "nn/losses.h"

namespace upnext::nn {
namespace {

// By its definition, and with half of the positive's weight in gBCE.
TEST(NegativeSamplingLoss, CG15_HandComputedAndGradientChecked) {
  const std::vector<uint32_t> targets = {3, 5}, ids = {3, 4, 5, 4};
  const std::vector<float> weights = {2.0f, 0.5f};
  const std::vector<float> logits = {0.4f, -1.2f, 0.3f,  2.0f, -0.7f,
                                     1.1f, 0.2f,  -2.0f, 0.9f, -0.1f};
  for (const double positive : {1.0, 0.5}) {
    for (const bool apart : {false, true}) {
      std::vector<float> target_logits = {logits[0], logits[5]}, matrix = logits;
      if (apart) {
        matrix.erase(matrix.begin() + 5);
        matrix.erase(matrix.begin());
      }
      SampledSoftmaxBatch batch{
          .batch = 2, .negatives = 4, .targets = targets, .negative_ids = ids, .weights = weights};
      const auto loss_of = [&](std::vector<float>& own, std::vector<float>& z) {
        if (apart) batch.target_logits = own;
        return NegativeSamplingLoss(batch, positive, z.data()).mean();
      };
      std::vector<float> d_targets = target_logits, gradient = matrix;
      const double found = loss_of(d_targets, gradient);
      double expected = 0;
      const auto log_share = [](double z) { return -std::log1p(std::exp(-z)); };
      for (size_t row = 0; row < 2; ++row) {
        const float* const z = logits.data() + 5 * row;
        expected -= weights[row] * positive * log_share(z[0]) / 2;
        for (size_t i = 0; i < 4; ++i) {
          if (ids[i] != targets[row]) expected -= weights[row] * log_share(-double{z[i + 1]}) / 2;
        }
      }
      EXPECT_NEAR(found, expected, 1e-6);
      const auto again = [&] {
        std::vector<float> own = target_logits, z = matrix;
        return loss_of(own, z);
      };
      EXPECT_LT(CheckGradient(matrix, gradient, again, {.step = 1e-3f}).relative_error, 1e-3);
      if (apart) {
        EXPECT_LT(CheckGradient(target_logits, d_targets, again, {.step = 1e-3f}).relative_error,
                  1e-3);
      }
    }
  }
}

}  // namespace
}  // namespace upnext::nn
