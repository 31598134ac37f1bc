// The losses of training and the corrections of its samplers: in the trainer, against their
// definitions and by what they lead to.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/rng.h"
#include "examples/sampler.h"
#include "features/vocabulary.h"
#include "kernels/vector_ops.h"
#include "nn/parameter.h"
#include "retrieval/test_trainer.h"

namespace upnext::retrieval {
namespace {

using Loss = CandidateTrainOptions::Loss;

const std::vector<uint32_t> kSample = {1, 2, 2, 5, 8, 3};

// What a sampler proportional to count^alpha is expected to draw of a row in n draws, from the counts.
LogExpected OfPower(const features::Vocabulary& vocabulary, double alpha, size_t n) {
  double sum = 0;
  for (uint32_t row = 1; row < vocabulary.rows(); ++row) {
    sum += std::pow(static_cast<double>(vocabulary.count(row)), alpha);
  }
  return [&vocabulary, alpha, n, sum](uint32_t row) {
    const double weight = std::pow(static_cast<double>(vocabulary.count(row)), alpha);
    return std::log(static_cast<double>(n) * weight / sum);
  };
}
LogExpected Times(double factor, const LogExpected& log) {
  return [factor, log](uint32_t row) { return factor * log(row); };
}

CandidateTrainOptions UnevenOptions(Loss loss, double strength) {
  CandidateTrainOptions options = ExactOptions();
  options.sampler = {.kind = examples::SamplerOptions::Kind::kPower, .alpha = 1};
  options.loss = loss;
  options.logq = strength;
  return options;
}

TEST(CandidateLosses, CG13_LogQOfAnUnevenSamplerHasItsSignPlaceAndStrength) {
  for (const Loss kind : {Loss::kSoftmax, Loss::kRefined}) {
    for (const double strength : {0.0, 0.5, 1.0}) {
      SCOPED_TRACE(fmt::format("refined {} strength {}", kind == Loss::kRefined, strength));
      Rig rig(StepOptions(1), UnevenOptions(kind, strength));
      const LogExpected log = OfPower(rig.vocabulary, 1, kSample.size());
      const double of_label = kind == Loss::kSoftmax ? strength : 0;
      const auto loss = [&] {
        return ReferenceLoss(rig, kSample, Times(of_label, log), Times(strength, log));
      };
      const double right = loss();
      EXPECT_NEAR(rig.trainer.SampledGradients(rig.batch, kSample).mean(), right, 1e-5);
      CheckAllGradients(rig, loss);
      // Any other sign or place has a loss that differs by far more than the bound above.
      for (const auto& [label, sample] :
           {std::pair(0.0, 0.0), {1.0, 1.0}, {0.0, 1.0}, {1.0, 0.0}, {-1.0, -1.0}, {0.5, 0.5}}) {
        if (label == of_label && sample == strength) continue;
        const double other = ReferenceLoss(rig, kSample, Times(label, log), Times(sample, log));
        EXPECT_GT(std::abs(other - right), 1e-2) << label << " " << sample;
      }
    }
  }
}

// In bf16 the fused kernel has corrections of its own, on processors that have it. Rounding must move
// the loss far less than a wrong correction.
TEST(CandidateLosses, CG13_LogQIsTheSameInBf16) {
  for (const Loss kind : {Loss::kSoftmax, Loss::kRefined}) {
    CandidateTrainOptions options = UnevenOptions(kind, 1);
    options.bf16 = true;
    Rig rig(StepOptions(1), options);
    const LogExpected log = OfPower(rig.vocabulary, 1, kSample.size());
    const double of_label = kind == Loss::kSoftmax ? 1 : 0;
    const double right = ReferenceLoss(rig, kSample, Times(of_label, log), log);
    const double found = rig.trainer.SampledGradients(rig.batch, kSample).mean();
    for (const auto& [label, sample] :
         {std::pair(0.0, 0.0), {1.0, 1.0}, {0.0, 1.0}, {1.0, 0.0}, {-1.0, -1.0}}) {
      if (label == of_label && sample == 1.0) continue;
      const double other = ReferenceLoss(rig, kSample, Times(label, log), Times(sample, log));
      EXPECT_LT(10 * std::abs(found - right), std::abs(found - other)) << label << " " << sample;
    }
  }
}

// arXiv 2507.09331: -(1 - P(label)) log(e^label / sum of e^negative / expected count), the weight a
// constant, P estimated from the same sample.
TEST(CandidateLosses, CG13_RefinedGradientIsThatOfThePaper) {
  Rig rig(StepOptions(1), UnevenOptions(Loss::kRefined, 1));
  const LogExpected log = OfPower(rig.vocabulary, 1, kSample.size());
  std::vector<double> constant;  // weights, from the first call
  const auto loss = [&] {
    const std::vector<float> users = UserVectors(rig.model, rig.batch);
    double sum = 0;
    for (size_t i = 0; i < rig.batch.size(); ++i) {
      const uint32_t label = rig.batch.label[i];
      const double own = LogitOf(rig, users, i, label);
      double others = 0;
      for (const uint32_t row : kSample) {
        if (row != label) others += std::exp(LogitOf(rig, users, i, row) - log(row));
      }
      if (constant.size() == i) constant.push_back(others / (others + std::exp(own)));
      sum += constant[i] * (std::log(others) - own);
    }
    return sum / static_cast<double>(rig.batch.size());
  };
  loss();
  rig.trainer.SampledGradients(rig.batch, kSample);
  CheckAllGradients(rig, loss);
}

double Length(const std::vector<double>& values) {
  double squares = 0;
  for (const double value : values) squares += value * value;
  return std::sqrt(squares);
}

// The bias of a ratio of means falls as 1 / n, by 64 from 2 to 128 negatives. Half of that is asked
// for, next to the noise of the mean of 2,000 samples, of which the same mean with every other sign
// reversed is an estimate.
TEST(CandidateLosses, CG13_TheRefinedGradientConvergesToTheFullOneAndOnlyWithTheCorrection) {
  const auto bias_and_noise = [](uint32_t negatives, double strength) {
    CandidateTrainOptions options = UnevenOptions(Loss::kRefined, strength);
    options.negatives = negatives;
    options.table_learning_rate = options.tower_learning_rate = 0;
    Rig rig(StepOptions(0), options);
    for (const nn::Parameter& p : rig.model.Parameters()) {
      if (p.name == "items") kernels::Scale(5.0f, p.value.data(), p.value.size());
    }
    const auto read = [&rig](std::vector<double>& sum, double weight) {
      for (const nn::Parameter& p : rig.model.Parameters()) {
        if (p.name != "tower.0.weight") continue;
        sum.resize(p.gradient.size());
        for (size_t i = 0; i < sum.size(); ++i) sum[i] += weight * p.gradient[i];
      }
    };
    std::vector<double> full, mean, signs;
    rig.trainer.FullGradients(rig.batch);
    read(full, 1);
    rig.trainer.Apply();  // at rate 0: clears the gradients
    examples::NegativeSampler sampler(options.sampler, rig.vocabulary);
    base::Rng rng(17);
    std::vector<uint32_t> rows;
    constexpr int kDraws = 2000;
    for (int draw = 0; draw < kDraws; ++draw) {
      sampler.Draw(negatives, rng, &rows);
      rig.trainer.SampledGradients(rig.batch, rows);
      read(mean, 1.0 / kDraws);
      read(signs, (draw % 2 == 0 ? 1.0 : -1.0) / kDraws);
      rig.trainer.Apply();
    }
    for (size_t i = 0; i < full.size(); ++i) mean[i] -= full[i];
    return std::pair(Length(mean) / Length(full), Length(signs) / Length(full));
  };
  const double few = bias_and_noise(2, 1).first;
  const auto [many, noise] = bias_and_noise(128, 1);
  EXPECT_LT(many, few / 32 + 3 * noise) << few << " " << noise;
  EXPECT_GT(bias_and_noise(128, 0).first, 10 * (few / 32 + 3 * noise)) << few << " " << noise;
}

TEST(CandidateLosses, CG14_InBatchNegativesAreExpectedByDrawsAndByLabels) {
  CandidateTrainOptions options = UnevenOptions(Loss::kRefined, 1);
  options.sampler.kind = examples::SamplerOptions::Kind::kUniform;
  options.in_batch = true;
  Rig rig(StepOptions(1), options);
  std::vector<uint32_t> negatives = kSample;
  negatives.insert(negatives.end(), rig.batch.label.begin(), rig.batch.label.end());
  // Six draws from eight items, and labels that are first expected by the vocabulary's counts.
  const LogExpected labels = OfPower(rig.vocabulary, 1, rig.batch.size());
  const LogExpected log = [&](uint32_t row) { return std::log(6.0 / 8 + std::exp(labels(row))); };
  const auto none = [](uint32_t) { return 0.0; };
  const auto loss = [&] { return ReferenceLoss(rig, negatives, none, log); };
  EXPECT_NEAR(rig.trainer.SampledGradients(rig.batch, negatives).mean(), loss(), 1e-5);
  CheckAllGradients(rig, loss);
}

TEST(CandidateLosses, CG15_GbceGradientsAreThoseOfItsDefinition) {
  for (const double calibration : {0.0, 0.75}) {
    SCOPED_TRACE(calibration);
    CandidateTrainOptions options = UnevenOptions(Loss::kGbce, 1);
    options.calibration = calibration;
    Rig rig(StepOptions(1), options);
    const double share = 6.0 / 7;  // six negatives, seven items but the label
    const double power = share * (calibration * (1 - 1 / share) + 1 / share);  // of the paper
    const auto loss = [&] {
      const std::vector<float> users = UserVectors(rig.model, rig.batch);
      double sum = 0;
      for (size_t i = 0; i < rig.batch.size(); ++i) {
        const uint32_t label = rig.batch.label[i];
        sum += power * std::log1p(std::exp(-LogitOf(rig, users, i, label)));
        for (const uint32_t row : kSample) {
          if (row != label) sum += std::log1p(std::exp(LogitOf(rig, users, i, row)));
        }
      }
      return sum / static_cast<double>(rig.batch.size());
    };
    EXPECT_NEAR(rig.trainer.SampledGradients(rig.batch, kSample).mean(), loss(), 1e-5);
    CheckAllGradients(rig, loss);
  }
}

// Labels that depend on nothing, item r in proportion to 1 / r. The slope of the learned mean logits
// on the logs of the items' shares: 1 when the model has learned the shares, 1 - alpha when negatives
// drawn by share^alpha have cancelled that part of them.
double SlopeOnPopularity(const CandidateTrainOptions& options) {
  CandidateShape shape = SmallShape();
  shape.items = 41;
  std::vector<uint64_t> counts;
  std::vector<double> sums, logs;
  for (uint32_t row = 1; row < shape.items; ++row) {
    counts.push_back(100'000 / row);
    logs.push_back(std::log(static_cast<double>(counts.back())));
    sums.push_back((sums.empty() ? 0 : sums.back()) + static_cast<double>(counts.back()));
  }
  const features::Vocabulary vocabulary = features::Vocabulary::Learn(counts, counts.size());
  base::ThreadPool pool(1);
  base::Rng rng(3), labels(5);
  CandidateModelOptions model_options = StepOptions(0);
  model_options.dim = 8;
  CandidateModel model(model_options, shape, rng);
  CandidateTrainer trainer(&model, options, vocabulary, pool);
  for (uint64_t step = 0; step < 1500; ++step) {
    features::CandidateBatch batch = RandomBatch(64, shape, step);
    for (uint32_t& label : batch.label) {
      const double draw = labels.Uniform() * sums.back();
      label = 1 + static_cast<uint32_t>(std::ranges::upper_bound(sums, draw) - sums.begin());
    }
    trainer.Step(batch);
  }
  const features::CandidateBatch batch = RandomBatch(200, shape, 99'999);
  const std::vector<float> users = UserVectors(model, batch);
  std::vector<double> means(logs.size());
  for (size_t i = 0; i < batch.size() * means.size(); ++i) {
    const uint32_t item = static_cast<uint32_t>(i % means.size());
    means[item] += kernels::Dot(users.data() + i / means.size() * model.dim(),
                                model.item_vectors().Row(item + 1).data(), model.dim()) /
                   static_cast<double>(batch.size());
  }
  const auto n = static_cast<double>(logs.size());
  const double mean_log = std::accumulate(logs.begin(), logs.end(), 0.0) / n;
  double both = 0, square = 0;
  for (size_t i = 0; i < logs.size(); ++i) {
    both += (logs[i] - mean_log) * means[i];
    square += (logs[i] - mean_log) * (logs[i] - mean_log);
  }
  return both / square;
}

TEST(CandidateLosses, CG13_WithoutTheCorrectionPopularityIsLostByItsStrength) {
  CandidateTrainOptions options;
  options.bf16 = false;
  options.negatives = 8;
  options.sampler.alpha = 0.75;
  for (const auto& [strength, slope] : {std::pair(1.0, 1.0), {0.5, 0.625}, {0.0, 0.25}}) {
    options.logq = strength;
    EXPECT_NEAR(SlopeOnPopularity(options), slope, 0.15) << strength;
  }
}

// The labels of a batch are drawn by share^1: without the correction nothing of the popularity is left.
TEST(CandidateLosses, CG14_InBatchNegativesAloneKeepPopularityWithTheCorrection) {
  CandidateTrainOptions options;
  options.bf16 = false;
  options.in_batch = true;
  options.negatives = 0;
  EXPECT_NEAR(SlopeOnPopularity(options), 1, 0.15);
  options.logq = 0;
  EXPECT_NEAR(SlopeOnPopularity(options), 0, 0.15);
}

}  // namespace
}  // namespace upnext::retrieval
