#include "cli/bench_train.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/numbers.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "kernels/vector_ops.h"
#include "retrieval/train_bench.h"

namespace upnext::cli {
namespace {

struct BenchTrainFlags {
  retrieval::TrainBenchOptions options;
  int threads = 0;
  bool fp32 = false, json = false;
};

std::string_view Precision(const BenchTrainFlags& flags) {
  return kernels::PrecisionName(flags.fp32 ? kernels::Precision::kFp32 : kernels::Precision::kBf16);
}

void PrintBenchTrainJson(const BenchTrainFlags& flags, const retrieval::TrainBenchReport& report,
                         int threads) {
  const retrieval::TrainBenchOptions& o = flags.options;
  const nlohmann::ordered_json out = {
      {"items", o.items},
      {"tokens", o.tokens},
      {"dim", o.dim},
      {"depth", o.depth},
      {"bag", o.bag},
      {"negatives", o.negatives},
      {"batch", o.batch},
      {"steps", o.steps},
      {"seed", o.seed},
      {"threads", threads},
      {"precision", Precision(flags)},
      {"table_precision", o.half_tables ? "bf16" : "fp32"},
      {"simd", kernels::SimdName()},
      {"examples_per_s", report.examples_per_s},
      {"step_s", {{"median", report.median_step_s}, {"best", report.best_step_s}}},
      {"loss", {{"first", report.first_loss}, {"last", report.last_loss}}},
      {"step", {{"row_bytes", report.row_bytes}, {"operations", report.operations}}},
      {"machine",
       {{"read_gb_s", report.rates.read_gb_s},
        {"rows_gb_s", report.rates.rows_gb_s},
        {"update_gb_s", report.rates.update_gb_s},
        {"matrix_gflop_s", report.rates.matrix_gflop_s}}},
      {"floor_s", {{"memory", report.memory_floor_s}, {"matrix", report.matrix_floor_s}}},
      {"roof_share", report.roof_share()},
      {"model_bytes", report.model_bytes},
      {"peak_rss_bytes", report.peak_rss_bytes}};
  Print("{}\n", out.dump(2));
}

void PrintBenchTrainTable(const BenchTrainFlags& flags, const retrieval::TrainBenchReport& report,
                          int threads) {
  const retrieval::TrainBenchOptions& o = flags.options;
  const double ms = 1e3 * report.median_step_s;
  Print("model      {} items, {} tokens, dim {}, depth {}, bags of {} + {}, {} negatives\n",
        base::WithThousands(o.items), base::WithThousands(o.tokens), o.dim, o.depth, o.bag, o.bag,
        o.negatives);
  Print("run        batch {}, {} steps, seed {}, {} threads, {}, tables in {}, {}\n", o.batch,
        o.steps, o.seed, threads, Precision(flags), o.half_tables ? "bf16" : "fp32",
        kernels::SimdName());
  Print("speed      {} examples/s: a step takes {:.1f} ms (median; best {:.1f})\n",
        base::WithThousands(static_cast<uint64_t>(report.examples_per_s)), ms,
        1e3 * report.best_step_s);
  Print("memory     {:.2f} GB at its peak, {:.2f} times parameters and optimiser state\n",
        1e-9 * static_cast<double>(report.peak_rss_bytes),
        static_cast<double>(report.peak_rss_bytes) / static_cast<double>(report.model_bytes));
  Print("\nbounds of a step             work      peak rate              least time\n");
  Print("rows of the tables   {:9.1f} MB   {:9.1f} GB/s       {:9.1f} ms   {:3.0f} %\n",
        1e-6 * report.row_bytes, report.rates.memory_gb_s(), 1e3 * report.memory_floor_s,
        100 * report.memory_floor_s / report.median_step_s);
  Print("matrix products   {:9.1f} GFLOP  {:9.0f} GFLOP/s    {:9.1f} ms   {:3.0f} %\n",
        1e-9 * report.operations, report.rates.matrix_gflop_s, 1e3 * report.matrix_floor_s,
        100 * report.matrix_floor_s / report.median_step_s);
  Print(
      "\n{:.0f} % of the roof: the longer of the two least times, which assumes that they fully "
      "overlap.\nMemory was measured at {:.1f} GB/s read in order, {:.1f} in random rows, "
      "{:.1f} "
      "read and written.\n",
      100 * report.roof_share(), report.rates.read_gb_s, report.rates.rows_gb_s,
      report.rates.update_gb_s);
}

Status RunBenchTrain(BenchTrainFlags& flags) {
  flags.options.bf16 = !flags.fp32;
  base::ThreadPool pool(flags.threads);
  ProgressBar progress;
  UPNEXT_ASSIGN_OR_RETURN(const retrieval::TrainBenchReport report,
                          retrieval::BenchmarkTraining(flags.options, pool, progress));
  if (flags.json) {
    PrintBenchTrainJson(flags, report, pool.threads());
  } else {
    PrintBenchTrainTable(flags, report, pool.threads());
  }
  return Ok();
}

}  // namespace

std::function<Status()> MakeBenchTrain(CLI::App& app) {
  auto flags = std::make_shared<BenchTrainFlags>();
  retrieval::TrainBenchOptions& o = flags->options;
  app.add_option("--items", o.items, "Items, each with a row as input and one as output")
      ->capture_default_str();
  app.add_option("--tokens", o.tokens, "Query tokens")->capture_default_str();
  app.add_option("--dim", o.dim, "Width of all rows and of the user vector")->capture_default_str();
  app.add_option("--depth", o.depth, "ReLU layers of halving widths")->capture_default_str();
  app.add_option("--bag", o.bag, "Watches, and tokens, per example")->capture_default_str();
  app.add_option("--negatives", o.negatives, "Sampled classes per batch")->capture_default_str();
  app.add_option("--batch", o.batch, "Examples per step")->capture_default_str();
  app.add_option("--steps", o.steps, "Timed steps")->capture_default_str();
  app.add_option("--seed", o.seed, "Seed of batches and weights")->capture_default_str();
  app.add_option("--roof-bytes", o.roof_bytes,
                 "Size of the memory on which peak rates are "
                 "measured")
      ->capture_default_str();
  app.add_option("--threads", flags->threads, "Threads (0: all processors)")->capture_default_str();
  app.add_flag("--fp32", flags->fp32, "Products in fp32 even where bf16 is fast");
  app.add_flag("--bf16-tables", o.half_tables,
               "Keep the tables in bf16, which halves their memory traffic");
  app.add_flag("--json", flags->json, "Print JSON");
  return [flags] { return RunBenchTrain(*flags); };
}

}  // namespace upnext::cli
