#include "ranking/train_bench.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <vector>

#include "base/rng.h"
#include "examples/ranking_stream.h"
#include "features/synthetic_rows.h"
#include "kernels/machine_rates.h"
#include "nn/losses.h"
#include "schema/event.h"

namespace upnext::ranking {
namespace {

using features::ModelShape;
using schema::EventType;

constexpr uint32_t kWarmUp = 3;
constexpr size_t kCategories = 15, kNumbers = 15;  // of a side
constexpr size_t kLists = 4;                       // of the query side

ModelShape BenchShape(const TrainBenchOptions& options) {
  ModelShape shape;
  for (ModelShape::SideShape* side : {&shape.query, &shape.impression}) {
    side->dense = 4 * kNumbers;
    for (size_t i = 0; i < kCategories; ++i) {
      const auto table = static_cast<uint32_t>(shape.tables.size());
      shape.tables.push_back({.name = fmt::format("table {}", table), .rows = options.rows + 1});
      side->slots.push_back({.feature = fmt::format("feature {}", table),
                             .table = table,
                             .list = side == &shape.query && i < kLists});
    }
  }
  return shape;
}

std::vector<Objective> BenchObjectives() {
  schema::EventTypeSet rated, against;
  rated.Add(EventType::kLike);
  rated.Add(EventType::kDislike);
  against.Add(EventType::kDislike);
  return {{.name = "click", .event = EventType::kClick},
          {.name = "complete", .event = EventType::kComplete},
          {.name = "like", .event = EventType::kLike, .observed = rated},
          {.name = "unwanted", .label = Objective::Label::kUnwanted, .against = against},
          {.name = "watch",
           .label = Objective::Label::kWatchSeconds,
           .loss = Objective::Loss::kWeightedLogistic,
           .loss_weight = 0.1f},
          {.name = "completion", .label = Objective::Label::kCompletion},
          {.name = "rating",
           .label = Objective::Label::kRating,
           .loss = Objective::Loss::kSquared,
           .loss_weight = 0.1f}};
}

void AppendSide(const TrainBenchOptions& options, const ModelShape::SideShape& side, base::Rng& rng,
                features::FeatureBlock* block) {
  block->categorical.resize(side.slots.size());
  for (size_t slot = 0; slot < side.slots.size(); ++slot) {
    features::Bags& bags = block->categorical[slot];
    for (uint64_t n = side.slots[slot].list ? 1 + rng.Below(options.bag) : 1; n > 0; --n) {
      bags.ids.push_back(features::DrawSkewedRow(rng, options.rows));
    }
    bags.Close();
  }
  for (size_t i = 0; i < kNumbers; ++i) {
    const auto x = static_cast<float>(rng.Uniform());
    block->dense.insert(block->dense.end(), {x, x * x, std::sqrt(x), 0.0f});
  }
  ++block->rows;
}

// A third of the impressions is watched, and those are liked or not, and rated.
void AppendBenchLabels(base::Rng& rng, examples::RankingBatch* batch) {
  const auto duration = static_cast<float>(30 + rng.Below(300));
  examples::Labels labels;
  if (rng.Below(3) == 0) {
    labels.watch_s = duration * static_cast<float>(rng.Uniform());
    labels.rating = static_cast<float>(1 + rng.Below(5));
    labels.happened.Add(EventType::kClick);
    if (2 * labels.watch_s > duration) labels.happened.Add(EventType::kComplete);
    labels.happened.Add(rng.Below(2) == 0 ? EventType::kLike : EventType::kDislike);
  }
  batch->labels.push_back(labels);
  batch->impressions.duration_s.push_back(duration);
}

void FillRankingBatch(const TrainBenchOptions& options, const ModelShape& shape, base::Rng& rng,
                      examples::RankingBatch* batch) {
  batch->Clear();
  for (uint32_t i = 0; i < options.batch; ++i) {
    AppendSide(options, shape.query, rng, &batch->queries);
    AppendSide(options, shape.impression, rng, &batch->impressions);
    AppendBenchLabels(rng, batch);
    batch->query_of.push_back(i);
    batch->position.push_back(1);
  }
}

double LossOf(const Ranker& ranker, std::span<const nn::LossValue> losses) {
  double total = 0;
  for (size_t k = 0; k < losses.size(); ++k) {
    total += double{ranker.objectives()[k].loss_weight} * losses[k].mean();
  }
  return total;
}

Status Check(const TrainBenchOptions& options) {
  if (options.rows >= 1 && options.rows < UINT32_MAX && options.dim >= 1 && options.bag >= 1 &&
      options.batch >= 1 && options.steps >= 1) {
    return Ok();
  }
  return InvalidArgument(
      "a ranker to benchmark needs rows >= 1, dim >= 1, bag >= 1, batch >= 1 and steps >= 1");
}

StepTimes PerStep(const StepTimes& from, const StepTimes& to, uint32_t steps) {
  const auto part = [&](double StepTimes::* member) {
    return (to.*member - from.*member) / static_cast<double>(steps);
  };
  return {.inputs = part(&StepTimes::inputs),
          .forward = part(&StepTimes::forward),
          .losses = part(&StepTimes::losses),
          .backward = part(&StepTimes::backward),
          .weights = part(&StepTimes::weights),
          .tables = part(&StepTimes::tables)};
}

// What the last batch and the size of the model say.
void DescribeRun(const TrainBenchOptions& options, const examples::RankingBatch& batch,
                 Ranker& ranker, RankerTrainer& trainer, TrainBenchReport* report) {
  size_t read = 0, written = 0;
  for (const features::FeatureBlock* block : {&batch.queries, &batch.impressions}) {
    for (const features::Bags& bags : block->categorical) {
      read += bags.ids.size();
      written += features::CountDistinct(bags.ids);
    }
  }
  report->rows_read = static_cast<double>(read) / options.batch;
  report->roof.row_bytes = static_cast<double>((read + 2 * written) * options.dim * sizeof(float));
  report->multiplications = ranker.multiplications();
  report->roof.operations =
      2.0 * 3.0 * static_cast<double>(report->multiplications) * options.batch;
  std::vector<nn::Parameter> parameters = ranker.Parameters();
  trainer.AppendState(parameters);
  for (const nn::Parameter& p : parameters) report->model_bytes += p.bytes();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  report->peak_rss_bytes = static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

Status TimeSteps(const TrainBenchOptions& options, base::ThreadPool& pool, base::Progress& progress,
                 TrainBenchReport* report) {
  base::ProgressStage stage(progress, "train on synthetic batches", "steps",
                            kWarmUp + options.steps);
  base::Rng rng(options.seed);
  const ModelShape shape = BenchShape(options);
  RankerOptions ranker_options{.architecture = options.architecture};
  for (const ModelShape::Table& table : shape.tables) ranker_options.dims[table.name] = options.dim;
  UPNEXT_ASSIGN_OR_RETURN(Ranker ranker,
                          Ranker::Make(ranker_options, BenchObjectives(), shape, rng));
  RankerTrainer trainer(&ranker, {.bf16 = options.bf16, .seed = options.seed}, pool);
  examples::RankingBatch batch;
  std::vector<double> seconds, processor_seconds;
  StepTimes warm;
  for (uint32_t step = 0; step < kWarmUp + options.steps; ++step) {
    if (progress.stop_requested()) return Cancelled("the benchmark was stopped");
    FillRankingBatch(options, shape, rng, &batch);
    if (step == 0) trainer.StartFrom(batch);
    if (step == kWarmUp) warm = trainer.times();
    std::vector<nn::LossValue> losses(ranker.objectives().size());
    const auto start = std::chrono::steady_clock::now();
    const std::clock_t used = std::clock();
    trainer.Backward(batch, losses);
    trainer.Apply();
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    report->last_loss = LossOf(ranker, losses);
    if (step == 0) report->first_loss = report->last_loss;
    if (step >= kWarmUp) {
      seconds.push_back(elapsed.count());
      processor_seconds.push_back(static_cast<double>(std::clock() - used) / CLOCKS_PER_SEC);
    }
    stage.Update(step + 1);
  }
  std::ranges::sort(seconds);
  std::ranges::sort(processor_seconds);
  report->cpu_step_s = processor_seconds[processor_seconds.size() / 2];
  report->best_step_s = seconds.front();
  report->median_step_s = seconds[seconds.size() / 2];
  report->examples_per_s = options.batch / report->median_step_s;
  report->parts = PerStep(warm, trainer.times(), options.steps);
  DescribeRun(options, batch, ranker, trainer, report);
  return Ok();
}

}  // namespace

Result<TrainBenchReport> BenchmarkTraining(const TrainBenchOptions& options, base::ThreadPool& pool,
                                           base::Progress& progress) {
  UPNEXT_RETURN_IF_ERROR(Check(options));
  TrainBenchReport report;
  UPNEXT_RETURN_IF_ERROR(TimeSteps(options, pool, progress, &report));
  base::ProgressStage stage(progress, "measure the machine", "", 0);
  report.roof.rates = kernels::MeasureMachine(
      {.row_floats = options.dim,
       .bytes = options.roof_bytes,
       .precision = options.bf16 ? kernels::Precision::kBf16 : kernels::Precision::kFp32},
      pool);
  return report;
}

}  // namespace upnext::ranking
