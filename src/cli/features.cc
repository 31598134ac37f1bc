#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "api/settings.h"
#include "base/numbers.h"
#include "base/thread_pool.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/verbs.h"
#include "features/feature_plan.h"
#include "features/signal_options.h"
#include "log/event_log.h"
#include "project/project.h"
#include "training/dataset.h"
#include "training/feature_report.h"
#include "training/reference.h"

namespace upnext::cli {
namespace {

struct FeaturesFlags {
  project::Location project;
  uint32_t examples = 50'000;
  bool json = false;
};

nlohmann::ordered_json ToJson(const training::FeatureRow& row) {
  const auto share = [](double x) {
    return std::isnan(x) ? nlohmann::ordered_json() : nlohmann::ordered_json(x);
  };
  return {{"model", row.model},
          {"name", row.name},
          {"from", row.from},
          {"help", row.help},
          {"kind", row.kind},
          {"side", row.side},
          {"vocabulary", row.vocabulary},
          {"rows", row.rows},
          {"dim", row.dim},
          {"keeps", row.keeps},
          {"dropped", row.dropped},
          {"coverage", share(row.coverage)},
          {"missing", share(row.missing)}};
}

std::string Percent(double share) {
  return std::isnan(share) ? "-" : fmt::format("{:.1f} %", 100 * share);
}

void PrintFeatures(const std::vector<training::FeatureRow>& rows) {
  std::string model;
  for (const training::FeatureRow& row : rows) {
    if (row.model != model) {
      model = row.model;
      Print("{}{}\n", &row == rows.data() ? "" : "\n", model);
      Print("  {:<24} {:<11} {:<10} {:<14} {:>14} {:>9} {:>9}  {}\n", "feature", "kind", "side",
            "vocabulary", "rows x dim", "coverage", "missing", "from; what the state keeps");
    }
    const std::string table = row.vocabulary.empty()
                                  ? fmt::format("{}", row.dim)
                                  : fmt::format("{} x {}", base::WithThousands(row.rows), row.dim);
    Print("  {:<24} {:<11} {:<10} {:<14} {:>14} {:>9} {:>9}  {}{}{}\n", row.name, row.kind,
          row.side, row.vocabulary, table, Percent(row.coverage), Percent(row.missing), row.from,
          row.keeps.empty() ? "" : "; " + row.keeps, row.dropped ? " (dropped)" : "");
  }
}

Status RunFeatures(const FeaturesFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const api::Settings settings, api::Settings::Load(flags.project));
  const training::Options& options = settings.training;
  UPNEXT_ASSIGN_OR_RETURN(
      const features::FeaturePlan plan,
      features::FeaturePlan::Compile(options.dataset.features, settings.project.schema()));
  std::vector<training::FeatureRow> rows = training::DescribeFeatures(plan, plan.schema());
  const Result<log::EventLog> log = settings.project.OpenLog();
  if (!log && log.error().code != Code::kNotFound) return std::unexpected(log.error());
  if (log) {
    base::ThreadPool pool(settings.threads);
    ProgressBar progress;
    const auto reference = training::ReferenceOfCurrent(settings.project, *log, options.dataset);
    UPNEXT_ASSIGN_OR_RETURN(const auto dataset,
                            training::Dataset::Prepare(*log, options.dataset, pool, progress,
                                                       nullptr, reference.value_or(nullptr)));
    training::MeasureFeatures(*dataset, options.train, flags.examples, pool, &rows);
  }
  if (!flags.json) {
    PrintFeatures(rows);
    if (log) {
      Print("\n");
      for (const std::string& line :
           features::Describe(options.dataset.RuleFor(*log), log->schema(), log->stats().by_type)) {
        Print("{}\n", line);
      }
    }
    if (!log) Print("\nno log yet: import one to see tables, coverage and missing values\n");
    return Ok();
  }
  nlohmann::ordered_json out = {{"digest", fmt::format("{:016x}", plan.digest())},
                                {"features", nlohmann::ordered_json::array()}};
  for (const training::FeatureRow& row : rows) out["features"].push_back(ToJson(row));
  Print("{}\n", out.dump(2));
  return Ok();
}

}  // namespace

std::function<Status()> MakeFeatures(CLI::App& app) {
  auto flags = std::make_shared<FeaturesFlags>();
  AddProjectFlags(app, &flags->project);
  app.add_option("--examples", flags->examples, "Training examples of each model to look at")
      ->capture_default_str();
  app.add_flag("--json", flags->json, "Print JSON");
  return [flags] { return RunFeatures(*flags); };
}

}  // namespace upnext::cli
