#include "ranking/train_bench.h"

#include <gtest/gtest.h>

namespace upnext::ranking {
namespace {

TrainBenchOptions TinyBench() {
  TrainBenchOptions options;
  options.architecture.widths = {16};
  options.architecture.experts = 3;
  options.architecture.expert_widths = {8};
  options.architecture.task_widths = {4};
  options.rows = 1000;
  options.dim = 8;
  options.bag = 5;
  options.batch = 128;
  options.steps = 12;
  options.roof_bytes = size_t{1} << 22;
  return options;
}

TEST(RankerTrainBench, CountsWorkByHandAndLearns) {
  base::ThreadPool pool(2);
  const auto report = BenchmarkTraining(TinyBench(), pool, base::NoProgress());
  ASSERT_TRUE(report) << report.error().message;
  // 30 rows and 120 numbers; one shared layer, 3 experts, 7 gates with 3 numbers mixed for each of 8
  // outputs, 7 heads of a layer and an output.
  const uint64_t layer = (30 * 8 + 120) * 16, experts = 3 * 16 * 8;
  const uint64_t gates = 7 * (16 * 3 + 3 * 8), heads = 7 * (8 * 4 + 4);
  EXPECT_EQ(report->multiplications, layer + experts + gates + heads);
  EXPECT_DOUBLE_EQ(report->roof.operations,
                   2.0 * 3 * static_cast<double>(report->multiplications) * 128);
  // 26 features of one row, 4 of 3 on average.
  EXPECT_NEAR(report->rows_read, 26 + 4 * 3, 1);
  const double references = report->rows_read * 128 * 8 * sizeof(float);
  EXPECT_GT(report->roof.row_bytes, references);
  EXPECT_LE(report->roof.row_bytes, 3 * references);
  EXPECT_LT(report->last_loss, report->first_loss);
  EXPECT_GT(report->examples_per_s, 0);
  EXPECT_GT(report->roof.share(report->median_step_s), 0);
  // 30 tables, each row with its accumulator.
  EXPECT_GT(report->model_bytes, 30u * 1001 * 9 * sizeof(float));
  EXPECT_GT(report->peak_rss_bytes, report->model_bytes);
}

// What no part has is little: the parts are the step.
TEST(RankerTrainBench, PartsAddUpToTheStep) {
  base::ThreadPool pool(1);
  const auto report = BenchmarkTraining(TinyBench(), pool, base::NoProgress());
  ASSERT_TRUE(report) << report.error().message;
  const StepTimes& parts = report->parts;
  for (const double part :
       {parts.inputs, parts.forward, parts.losses, parts.backward, parts.weights, parts.tables}) {
    EXPECT_GT(part, 0);
  }
  const double sum =
      parts.inputs + parts.forward + parts.losses + parts.backward + parts.weights + parts.tables;
  EXPECT_GE(sum, 0.9 * report->best_step_s);
}

TEST(RankerTrainBench, ModelsWithoutSizeAreRefused) {
  base::ThreadPool pool(1);
  TrainBenchOptions options = TinyBench();
  options.rows = 0;
  const auto no_rows = BenchmarkTraining(options, pool, base::NoProgress());
  ASSERT_FALSE(no_rows);
  EXPECT_EQ(no_rows.error().code, Code::kInvalidArgument);
  options = TinyBench();
  options.architecture.name = "tree";
  const auto unknown = BenchmarkTraining(options, pool, base::NoProgress());
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace upnext::ranking
