// Measures the speed of training the ranker on this machine with synthetic batches, for
// `upnext bench train --stage ranking`, next to the shortest time at the machine's peak rates.
//
//   UPNEXT_ASSIGN_OR_RETURN(TrainBenchReport report, BenchmarkTraining(options, pool, progress));
//
// One benchmark at a time per pool.
#ifndef UPNEXT_RANKING_TRAIN_BENCH_H_
#define UPNEXT_RANKING_TRAIN_BENCH_H_

#include <cstddef>
#include <cstdint>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "kernels/machine_rates.h"
#include "ranking/architecture.h"
#include "ranking/ranker_trainer.h"

namespace upnext::ranking {

// 30 categorical features, 4 of which are lists, each with a table of its own, and 30 numbers with
// their powers, half of each on either side; 7 objectives: 4 events, watch time, completion, rating.
// Every impression has a request of its own.
struct TrainBenchOptions {
  ArchitectureOptions architecture = {.name = "mmoe", .widths = {256, 128}, .task_widths = {32}};
  uint32_t rows = 1'000'000, dim = 32;  // of each table
  uint32_t bag = 50;                    // at most in a list, at least 1
  uint32_t batch = 1024;
  uint32_t steps = 30;  // timed steps, after three warm-up steps
  bool bf16 = true;     // products in bf16
  uint64_t seed = 1;
  size_t roof_bytes = size_t{1} << 30;  // size of the memory on which peak rates are measured
};

struct TrainBenchReport {
  double median_step_s = 0, best_step_s = 0;
  double cpu_step_s = 0;                 // processor time of all threads in a step, median
  double examples_per_s = 0;             // from the median step
  double first_loss = 0, last_loss = 0;  // sums over objectives of loss_weight * mean loss
  StepTimes parts;                       // of one timed step, on average
  uint64_t multiplications = 0;          // of one example, forward
  double rows_read = 0;                  // of one example, on average
  kernels::Roofline roof;                // of the last step
  uint64_t model_bytes = 0;              // parameters and optimiser state
  uint64_t peak_rss_bytes = 0;           // of the process, before peak rates were measured
};

// Rows are drawn as in features/synthetic_rows.h; the lengths of lists are uniform. Making the
// batches is not timed. kInvalidArgument when the options describe no model, kCancelled on request.
Result<TrainBenchReport> BenchmarkTraining(const TrainBenchOptions& options, base::ThreadPool& pool,
                                           base::Progress& progress);

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_TRAIN_BENCH_H_
