// Measures the speed of training the candidate model on this machine with synthetic batches, for
// `upnext bench train`. The "roof" is the step time at the machine's peak rates; the share of it is
// an upper bound of what a faster program could gain.
//
//   UPNEXT_ASSIGN_OR_RETURN(TrainBenchReport report, BenchmarkTraining(options, pool, progress));
//
// One benchmark at a time per pool.
#ifndef UPNEXT_RETRIEVAL_TRAIN_BENCH_H_
#define UPNEXT_RETRIEVAL_TRAIN_BENCH_H_

#include <cstdint>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "kernels/machine_rates.h"

namespace upnext::retrieval {

// The defaults are the published model of YouTube: 1M videos and 1M tokens, width 256, 50 of each
// in a bag, 1024-512-256 ReLU (Covington 2016, sections 3.2 to 3.4 and 4.3).
struct TrainBenchOptions {
  uint32_t items = 1'000'000, tokens = 1'000'000;
  uint32_t dim = 256, depth = 3, bag = 50;
  uint32_t negatives = 4096, batch = 1024;
  uint32_t steps = 30;       // timed steps, after three warm-up steps
  bool bf16 = true;          // products in bf16
  bool half_tables = false;  // tables in bf16
  uint64_t seed = 1;
  size_t roof_bytes = size_t{1} << 30;  // size of the memory on which peak rates are measured
};

struct TrainBenchReport {
  double median_step_s = 0, best_step_s = 0;
  double examples_per_s = 0;  // from the median step
  double first_loss = 0, last_loss = 0;
  kernels::Roofline roof;       // products of the tower and of the logits
  uint64_t model_bytes = 0;     // parameters and optimiser state
  uint64_t peak_rss_bytes = 0;  // of the process, before peak rates were measured
};

// Ids are drawn as floor(rows * u^3): a thousandth of the rows gets a tenth of the draws. Making
// the batches is not timed. kInvalidArgument when the options describe no model, kCancelled on
// request.
Result<TrainBenchReport> BenchmarkTraining(const TrainBenchOptions& options, base::ThreadPool& pool,
                                           base::Progress& progress);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_TRAIN_BENCH_H_
