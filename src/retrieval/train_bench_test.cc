#include "retrieval/train_bench.h"

#include <gtest/gtest.h>

namespace upnext::retrieval {
namespace {

TrainBenchOptions Tiny() {
  TrainBenchOptions options;
  options.items = options.tokens = 2000;
  options.dim = 16;
  options.depth = 1;
  options.bag = 5;
  options.negatives = 64;
  options.batch = 128;
  options.steps = 4;
  options.roof_bytes = size_t{1} << 22;
  return options;
}

TEST(TrainBench, CountsWorkByHandAndLearns) {
  base::ThreadPool pool(2);
  const auto report = BenchmarkTraining(Tiny(), pool, base::NoProgress());
  ASSERT_TRUE(report) << report.error().message;
  // One layer of 2 x 16 + 2 x 4 + 40 inputs and 16 outputs, then 64 logits of width 16; three
  // products each.
  EXPECT_DOUBLE_EQ(report->roof.operations, 2.0 * 3 * (80 * 16 + 64 * 16) * 128);
  // Every reference is read; at most that many rows are read and written again.
  const double references = (128 * (5 + 5 + 1) + 64) * 16 * sizeof(float);
  EXPECT_GT(report->roof.row_bytes, references);
  EXPECT_LE(report->roof.row_bytes, 3 * references);
  EXPECT_GT(report->examples_per_s, 0);
  EXPECT_GT(report->roof.share(report->median_step_s), 0);
  EXPECT_GE(report->roof.rates.memory_gb_s(), report->roof.rates.rows_gb_s);
  EXPECT_GT(report->first_loss, 0);
  // Two tables of rows for items, one for tokens, each row with its accumulator.
  EXPECT_GT(report->model_bytes, (2001 + 2001 + 2001) * 17 * sizeof(float));
  EXPECT_GT(report->peak_rss_bytes, report->model_bytes);
}

TEST(TrainBench, TablesInBf16HaveHalfTheRowBytes) {
  base::ThreadPool pool(2);
  TrainBenchOptions options = Tiny();
  const auto wide = BenchmarkTraining(options, pool, base::NoProgress());
  options.half_tables = true;
  const auto half = BenchmarkTraining(options, pool, base::NoProgress());
  ASSERT_TRUE(wide && half);
  EXPECT_DOUBLE_EQ(2 * half->roof.row_bytes, wide->roof.row_bytes);
  EXPECT_LT(half->model_bytes, wide->model_bytes);
  EXPECT_NEAR(half->last_loss, wide->last_loss, 0.01 * wide->last_loss);
}

TEST(TrainBench, ModelsWithoutSizeAreRefused) {
  base::ThreadPool pool(1);
  TrainBenchOptions options = Tiny();
  options.items = 2;
  const auto report = BenchmarkTraining(options, pool, base::NoProgress());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace upnext::retrieval
