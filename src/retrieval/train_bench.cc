#include "retrieval/train_bench.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "base/rng.h"
#include "features/feature_block.h"
#include "features/synthetic_rows.h"
#include "kernels/bf16.h"
#include "nn/losses.h"
#include "retrieval/candidate_trainer.h"

namespace upnext::retrieval {
namespace {

constexpr uint32_t kWarmUp = 3;
constexpr uint32_t kContexts = 4;  // number of regions and of devices

using features::CountDistinct;
using features::DrawSkewedRow;

// The default features: watches and tokens in lists, region and device.
CandidateShape BenchShape(const TrainBenchOptions& options) {
  CandidateShape shape = ShapeOf(features::FeatureStatistics());
  shape.items = options.items + 1;
  for (features::ModelShape::Table& table : shape.inputs.tables) {
    table.rows = 1 + (table.name == features::kItemVocabulary    ? options.items
                      : table.name == features::kTokenVocabulary ? options.tokens
                                                                 : kContexts);
  }
  return shape;
}

void FillBatch(const TrainBenchOptions& options, const features::ModelShape& shape, base::Rng& rng,
               features::CandidateBatch* batch) {
  batch->Clear();
  batch->features.categorical.resize(shape.query.slots.size());
  for (uint32_t i = 0; i < options.batch; ++i) {
    for (uint32_t k = 0; k < options.bag; ++k) {
      for (size_t slot = 0; slot < shape.query.slots.size(); ++slot) {
        if (!shape.query.slots[slot].list) continue;
        batch->features.categorical[slot].ids.push_back(
            DrawSkewedRow(rng, shape.tables[shape.query.slots[slot].table].rows - 1));
      }
    }
    for (size_t slot = 0; slot < shape.query.slots.size(); ++slot) {
      features::Bags& bags = batch->features.categorical[slot];
      if (!shape.query.slots[slot].list) bags.ids.push_back(1 + i % kContexts);
      bags.Close();
    }
    for (size_t d = 0; d < shape.query.dense; ++d) {
      batch->features.dense.push_back(static_cast<float>(rng.Uniform()));
    }
    ++batch->features.rows;
    batch->label.push_back(DrawSkewedRow(rng, options.items));
  }
}

// Items with the counts of the distribution u^3: the r-th has the share (r / n)^(1/3) - ((r - 1) /
// n)^(1/3).
features::Vocabulary ItemVocabulary(uint32_t items) {
  constexpr double kWatches = 1e9;
  std::vector<uint64_t> counts(items);
  double before = 0;
  for (uint32_t i = 0; i < items; ++i) {
    const double up_to = std::cbrt((i + 1.0) / items);
    counts[i] = 1 + static_cast<uint64_t>(kWatches * (up_to - before));
    before = up_to;
  }
  return features::Vocabulary::Learn(counts, items);
}

double RowBytes(const TrainBenchOptions& options, const features::CandidateBatch& batch) {
  // Drawn negatives are counted as distinct ones; they are a twentieth of all rows. Regions and
  // devices are a few short rows.
  size_t read = batch.label.size() + options.negatives;
  size_t written = CountDistinct(batch.label) + options.negatives;
  for (const features::Bags& bags : batch.features.categorical) {
    if (bags.ids.size() <= batch.size()) continue;
    read += bags.ids.size();
    written += CountDistinct(bags.ids);
  }
  return static_cast<double>((read + 2 * written) * options.dim *
                             (options.half_tables ? sizeof(kernels::Bf16) : sizeof(float)));
}

Status Check(const TrainBenchOptions& options) {
  if (options.items < 3 || options.tokens < 1 || options.dim < 1 || options.batch < 1 ||
      options.steps < 1 || options.depth > 8) {
    return InvalidArgument(
        "a model to benchmark needs items >= 3, tokens >= 1, dim >= 1, batch >= 1, steps >= 1 and "
        "depth <= 8");
  }
  return Ok();
}

}  // namespace

Result<TrainBenchReport> BenchmarkTraining(const TrainBenchOptions& options, base::ThreadPool& pool,
                                           base::Progress& progress) {
  UPNEXT_RETURN_IF_ERROR(Check(options));
  CandidateModelOptions model_options;
  model_options.dim = model_options.embedding_dim = options.dim;
  model_options.context_dim = 4;
  model_options.depth = options.depth;
  model_options.half_tables = options.half_tables;
  CandidateTrainOptions train_options;
  train_options.batch = options.batch;
  train_options.negatives = options.negatives;
  train_options.sampler.alpha = 1;
  train_options.bf16 = options.bf16;
  train_options.seed = options.seed;

  TrainBenchReport report;
  {
    base::ProgressStage stage(progress, "train on synthetic batches", "steps",
                              kWarmUp + options.steps);
    base::Rng rng(options.seed);
    const CandidateShape shape = BenchShape(options);
    CandidateModel model(model_options, shape, rng);
    CandidateTrainer trainer(&model, train_options, ItemVocabulary(options.items), pool);
    features::CandidateBatch batch;
    std::vector<double> seconds;
    for (uint32_t step = 0; step < kWarmUp + options.steps; ++step) {
      if (progress.stop_requested()) return Cancelled("the benchmark was stopped");
      FillBatch(options, shape.inputs, rng, &batch);
      const auto start = std::chrono::steady_clock::now();
      const nn::LossValue loss = trainer.Step(batch);
      const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
      if (step == 0) report.first_loss = loss.mean();
      report.last_loss = loss.mean();
      if (step >= kWarmUp) seconds.push_back(elapsed.count());
      stage.Update(step + 1);
    }
    std::ranges::sort(seconds);
    report.best_step_s = seconds.front();
    report.median_step_s = seconds[seconds.size() / 2];
    report.examples_per_s = options.batch / report.median_step_s;
    report.roof.row_bytes = RowBytes(options, batch);
    const double multiplications = static_cast<double>(model.encoder().multiplications()) +
                                   static_cast<double>(options.negatives) * options.dim;
    report.roof.operations = 2.0 * 3.0 * multiplications * options.batch;
    std::vector<nn::Parameter> parameters = model.Parameters();
    trainer.AppendState(parameters);
    for (const nn::Parameter& p : parameters) report.model_bytes += p.bytes();
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    report.peak_rss_bytes = static_cast<uint64_t>(usage.ru_maxrss) * 1024;
  }
  base::ProgressStage stage(progress, "measure the machine", "", 0);
  report.roof.rates = kernels::MeasureMachine(
      {.row_floats = options.dim,
       .bytes = options.roof_bytes,
       .precision = options.bf16 ? kernels::Precision::kBf16 : kernels::Precision::kFp32},
      pool);
  return report;
}

}  // namespace upnext::retrieval
