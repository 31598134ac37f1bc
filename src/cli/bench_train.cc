#include "cli/bench_train.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/numbers.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "kernels/vector_ops.h"
#include "ranking/train_bench.h"
#include "retrieval/train_bench.h"

namespace upnext::cli {
namespace {

struct BenchTrainFlags {
  std::string stage = "candidates";
  // Options of both stages are in `candidates`, without what is left to the stage's default.
  retrieval::TrainBenchOptions candidates;
  ranking::TrainBenchOptions ranking;
  std::optional<uint32_t> dim;
  int threads = 0;
  bool fp32 = false, json = false;
  CLI::App* of_candidates = nullptr;  // options of one stage alone
  CLI::App* of_ranking = nullptr;
};

std::string_view Precision(const BenchTrainFlags& flags) {
  return kernels::PrecisionName(flags.fp32 ? kernels::Precision::kFp32 : kernels::Precision::kBf16);
}

// What both stages report.
template <typename Report>
void AppendReport(const BenchTrainFlags& flags, const Report& report, int threads,
                  nlohmann::ordered_json& out) {
  const kernels::Roofline& roof = report.roof;
  out.update({{"seed", flags.candidates.seed},
              {"threads", threads},
              {"precision", Precision(flags)},
              {"simd", kernels::SimdName()},
              {"examples_per_s", report.examples_per_s},
              {"step_s", {{"median", report.median_step_s}, {"best", report.best_step_s}}},
              {"loss", {{"first", report.first_loss}, {"last", report.last_loss}}},
              {"step", {{"row_bytes", roof.row_bytes}, {"operations", roof.operations}}},
              {"machine",
               {{"read_gb_s", roof.rates.read_gb_s},
                {"rows_gb_s", roof.rates.rows_gb_s},
                {"update_gb_s", roof.rates.update_gb_s},
                {"matrix_gflop_s", roof.rates.matrix_gflop_s}}},
              {"floor_s", {{"memory", roof.memory_s()}, {"matrix", roof.matrix_s()}}},
              {"roof_share", roof.share(report.median_step_s)},
              {"model_bytes", report.model_bytes},
              {"peak_rss_bytes", report.peak_rss_bytes}});
}

template <typename Report>
void PrintReport(const Report& report) {
  Print("speed      {} examples/s: a step takes {:.1f} ms (median; best {:.1f})\n",
        base::WithThousands(static_cast<uint64_t>(report.examples_per_s)),
        1e3 * report.median_step_s, 1e3 * report.best_step_s);
  Print("memory     {:.2f} GB at its peak, {:.2f} times parameters and optimiser state\n",
        1e-9 * static_cast<double>(report.peak_rss_bytes),
        static_cast<double>(report.peak_rss_bytes) / static_cast<double>(report.model_bytes));
}

void PrintBounds(const kernels::Roofline& roof, double step_s) {
  Print("\nbounds of a step             work      peak rate              least time\n");
  Print("rows of the tables   {:9.1f} MB   {:9.1f} GB/s       {:9.1f} ms   {:3.0f} %\n",
        1e-6 * roof.row_bytes, roof.rates.memory_gb_s(), 1e3 * roof.memory_s(),
        100 * roof.memory_s() / step_s);
  Print("matrix products   {:9.1f} GFLOP  {:9.0f} GFLOP/s    {:9.1f} ms   {:3.0f} %\n",
        1e-9 * roof.operations, roof.rates.matrix_gflop_s, 1e3 * roof.matrix_s(),
        100 * roof.matrix_s() / step_s);
  Print(
      "\n{:.0f} % of the roof: the longer of the two least times, which assumes that they fully "
      "overlap.\nMemory was measured at {:.1f} GB/s read in order, {:.1f} in random rows, "
      "{:.1f} "
      "read and written.\n",
      100 * roof.share(step_s), roof.rates.read_gb_s, roof.rates.rows_gb_s, roof.rates.update_gb_s);
}

void PrintCandidates(const BenchTrainFlags& flags, const retrieval::TrainBenchReport& report,
                     int threads) {
  const retrieval::TrainBenchOptions& o = flags.candidates;
  const std::string_view tables = o.half_tables ? "bf16" : "fp32";
  if (flags.json) {
    nlohmann::ordered_json out = {{"stage", flags.stage}, {"items", o.items},
                                  {"tokens", o.tokens},   {"dim", o.dim},
                                  {"depth", o.depth},     {"bag", o.bag},
                                  {"batch", o.batch},     {"negatives", o.negatives},
                                  {"steps", o.steps},     {"table_precision", tables}};
    AppendReport(flags, report, threads, out);
    Print("{}\n", out.dump(2));
    return;
  }
  Print("model      {} items, {} tokens, dim {}, depth {}, bags of {} + {}, {} negatives\n",
        base::WithThousands(o.items), base::WithThousands(o.tokens), o.dim, o.depth, o.bag, o.bag,
        o.negatives);
  Print("run        batch {}, {} steps, seed {}, {} threads, {}, tables in {}, {}\n", o.batch,
        o.steps, o.seed, threads, Precision(flags), tables, kernels::SimdName());
  PrintReport(report);
  PrintBounds(report.roof, report.median_step_s);
}

void PrintRanking(const BenchTrainFlags& flags, const ranking::TrainBenchReport& report,
                  int threads) {
  const ranking::TrainBenchOptions& o = flags.ranking;
  const ranking::StepTimes& parts = report.parts;
  const std::pair<std::string_view, double> list[] = {
      {"inputs", parts.inputs},     {"forward", parts.forward}, {"losses", parts.losses},
      {"backward", parts.backward}, {"weights", parts.weights}, {"tables", parts.tables}};
  if (flags.json) {
    nlohmann::ordered_json out = {{"stage", flags.stage},
                                  {"architecture", ranking::Describe(o.architecture)},
                                  {"multiplications", report.multiplications},
                                  {"rows", o.rows},
                                  {"rows_read", report.rows_read},
                                  {"dim", o.dim},
                                  {"bag", o.bag},
                                  {"batch", o.batch},
                                  {"steps", o.steps}};
    out["cpu_step_s"] = report.cpu_step_s;
    for (const auto& [name, seconds] : list) out["parts_s"][name] = seconds;
    AppendReport(flags, report, threads, out);
    Print("{}\n", out.dump(2));
    return;
  }
  Print("model      {}: {} multiplications per example\n", ranking::Describe(o.architecture),
        base::WithThousands(report.multiplications));
  Print("tables     30 of {} rows, dim {}; {:.1f} rows read per example\n",
        base::WithThousands(o.rows), o.dim, report.rows_read);
  Print("run        batch {}, {} steps, seed {}, {} threads, {}, {}\n", o.batch, o.steps, o.seed,
        threads, Precision(flags), kernels::SimdName());
  PrintReport(report);
  Print("processor  {:.1f} ms of all threads in a step (median)\n", 1e3 * report.cpu_step_s);
  Print("\npart of a step         ms (mean)\n");
  for (const auto& [name, seconds] : list) Print("{:<20}{:12.2f}\n", name, 1e3 * seconds);
  PrintBounds(report.roof, report.median_step_s);
}

// The first option that was given for the other stage.
Status CheckStage(const BenchTrainFlags& flags) {
  const bool ranks = flags.stage == "ranking";
  for (const CLI::Option* option :
       (ranks ? flags.of_candidates : flags.of_ranking)->get_options()) {
    if (option->count() == 0) continue;
    return InvalidArgument("{}: an option of --stage {}, found --stage {}", option->get_name(),
                           ranks ? "candidates" : "ranking", flags.stage);
  }
  return Ok();
}

Status RunBenchTrain(BenchTrainFlags& flags) {
  UPNEXT_RETURN_IF_ERROR(CheckStage(flags));
  base::ThreadPool pool(flags.threads);
  ProgressBar progress;
  retrieval::TrainBenchOptions& candidates = flags.candidates;
  candidates.bf16 = !flags.fp32;
  if (flags.stage == "candidates") {
    candidates.dim = flags.dim.value_or(candidates.dim);
    UPNEXT_ASSIGN_OR_RETURN(const retrieval::TrainBenchReport report,
                            retrieval::BenchmarkTraining(candidates, pool, progress));
    PrintCandidates(flags, report, pool.threads());
    return Ok();
  }
  ranking::TrainBenchOptions& ranking = flags.ranking;
  ranking.dim = flags.dim.value_or(ranking.dim);
  ranking.bag = candidates.bag;
  ranking.batch = candidates.batch;
  ranking.steps = candidates.steps;
  ranking.bf16 = candidates.bf16;
  ranking.seed = candidates.seed;
  ranking.roof_bytes = candidates.roof_bytes;
  UPNEXT_ASSIGN_OR_RETURN(const ranking::TrainBenchReport report,
                          ranking::BenchmarkTraining(ranking, pool, progress));
  PrintRanking(flags, report, pool.threads());
  return Ok();
}

void AddCandidateOptions(CLI::App& app, retrieval::TrainBenchOptions& o) {
  app.add_option("--items", o.items, "Items, each with a row as input and one as output")
      ->capture_default_str();
  app.add_option("--tokens", o.tokens, "Query tokens")->capture_default_str();
  app.add_option("--depth", o.depth, "ReLU layers of halving widths")->capture_default_str();
  app.add_option("--negatives", o.negatives, "Sampled classes per batch")->capture_default_str();
  app.add_flag("--bf16-tables", o.half_tables,
               "Keep the tables in bf16, which halves their memory traffic");
}

void AddRankingOptions(CLI::App& app, ranking::TrainBenchOptions& o) {
  ranking::ArchitectureOptions& net = o.architecture;
  app.add_option("--architecture", net.name, "As [ranking] architecture")
      ->check(CLI::IsMember(ranking::ArchitectureNames()))
      ->capture_default_str();
  app.add_option("--widths", net.widths, "Hidden layers that all tasks share")
      ->capture_default_str();
  app.add_option("--experts", net.experts, "Experts that all tasks share")->capture_default_str();
  app.add_option("--expert-widths", net.expert_widths, "Layers of an expert")
      ->capture_default_str();
  app.add_option("--task-widths", net.task_widths, "Hidden layers of each task")
      ->capture_default_str();
  app.add_option("--rows", o.rows, "Rows of each of the 30 tables")->capture_default_str();
}

}  // namespace

std::function<Status()> MakeBenchTrain(CLI::App& app) {
  auto flags = std::make_shared<BenchTrainFlags>();
  retrieval::TrainBenchOptions& o = flags->candidates;
  app.add_option("--stage", flags->stage, "The candidate model or the ranker")
      ->check(CLI::IsMember({"candidates", "ranking"}))
      ->capture_default_str();
  app.add_option("--dim", flags->dim,
                 "Width of all rows, and of the user vector (256; of the ranker's rows 32)");
  app.add_option("--bag", o.bag,
                 "Watches, and tokens, per example; of the ranker the most of a list")
      ->capture_default_str();
  app.add_option("--batch", o.batch, "Examples per step")->capture_default_str();
  app.add_option("--steps", o.steps, "Timed steps")->capture_default_str();
  app.add_option("--seed", o.seed, "Seed of batches and weights")->capture_default_str();
  app.add_option("--roof-bytes", o.roof_bytes,
                 "Size of the memory on which peak rates are "
                 "measured")
      ->capture_default_str();
  app.add_option("--threads", flags->threads, "Threads (0: all processors)")->capture_default_str();
  app.add_flag("--fp32", flags->fp32, "Products in fp32 even where bf16 is fast");
  app.add_flag("--json", flags->json, "Print JSON");
  flags->of_candidates = app.add_option_group("Candidates", "With --stage candidates");
  flags->of_ranking = app.add_option_group("Ranking", "With --stage ranking");
  AddCandidateOptions(*flags->of_candidates, o);
  AddRankingOptions(*flags->of_ranking, flags->ranking);
  return [flags] { return RunBenchTrain(*flags); };
}

}  // namespace upnext::cli
