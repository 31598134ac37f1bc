#include "evaluation/evaluate.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/thread_pool.h"
#include "bundle/opened_bundle.h"
#include "catalogue/catalogue.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/settings.h"
#include "cli/verbs.h"
#include "examples/split.h"
#include "project/project.h"
#include "report/render.h"
#include "simulator/world_options.h"
#include "studies/live_value.h"
#include "training/dataset.h"

namespace upnext::cli {
namespace {

struct EvaluateFlags {
  project::Location project;
  std::string html, part = "test", world;
  bool json = false, frozen = false;
  int64_t seed = -1;
};

// What the models are truly worth, where a world made the log.
Result<studies::ValueReport> TrueValue(const Settings& settings, const bundle::OpenedBundle& opened,
                                       const examples::Split& split, const std::string& file,
                                       base::ThreadPool& pool, base::Progress& progress) {
  UPNEXT_ASSIGN_OR_RETURN(const base::Config config, base::Config::Load(file));
  const simulator::WorldOptions options = simulator::WorldOptions::FromConfig(config.root());
  UPNEXT_RETURN_IF_ERROR(config.Check());
  UPNEXT_ASSIGN_OR_RETURN(const simulator::World world, simulator::World::Create(options));
  return studies::MeasureValue(
      {world, opened.log, split, *opened.bundle, settings.engine, settings.project.rule()}, pool,
      progress);
}

std::string WithValue(const std::string& json, const studies::ValueReport& value) {
  nlohmann::ordered_json out = nlohmann::ordered_json::parse(json);
  out["true_value"] = nlohmann::ordered_json::parse(studies::RenderValueJson(value));
  return out.dump(2);
}

Status RunEvaluate(const EvaluateFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const Settings settings, Settings::Load(flags.project));
  UPNEXT_ASSIGN_OR_RETURN(const bundle::OpenedBundle opened,
                          settings.project.OpenBundle(bundle::LogChoice::kTrainedOn));
  const bundle::Bundle& bundle = *opened.bundle;
  const catalogue::Catalogue catalogue(opened.log);
  UPNEXT_ASSIGN_OR_RETURN(const examples::Split split,
                          training::SplitOf(settings.training.dataset, opened));
  const examples::ReplaySource source{opened.log, catalogue, settings.project.rule(), split};

  evaluation::EvaluateOptions options = settings.training.evaluate;
  options.part =
      flags.part == "test" ? examples::SplitPart::kTest : examples::SplitPart::kValidation;
  options.frozen_state = flags.frozen;
  if (flags.seed >= 0) options.seed = static_cast<uint64_t>(flags.seed);
  base::ThreadPool pool(settings.threads);
  ProgressBar progress;
  UPNEXT_ASSIGN_OR_RETURN(
      evaluation::Report report,
      evaluation::Evaluate({source, bundle.tables(), bundle.candidate(), bundle.ranker()}, options,
                           pool, progress));
  report.version = bundle.manifest().version;
  if (bundle.manifest().forced) {
    report.notes.push_back("published with --force although " + bundle.manifest().gate);
  }
  if (!flags.html.empty()) {
    UPNEXT_RETURN_IF_ERROR(base::WriteFileAtomic(flags.html, report::RenderHtml(report)));
    progress.Note(fmt::format("wrote {}", flags.html));
  }
  std::string out = flags.json ? report::RenderJson(report) : report::RenderTable(report);
  if (!flags.world.empty()) {
    UPNEXT_ASSIGN_OR_RETURN(const studies::ValueReport value,
                            TrueValue(settings, opened, split, flags.world, pool, progress));
    out = flags.json ? WithValue(out, value) : out + "\n" + studies::RenderValueTable(value);
  }
  Print("{}\n", out);
  return Ok();
}

}  // namespace

std::function<Status()> MakeEvaluate(CLI::App& app) {
  auto flags = std::make_shared<EvaluateFlags>();
  AddProjectFlags(app, &flags->project);
  app.add_flag("--json", flags->json, "Print the report as JSON");
  app.add_option("--html", flags->html, "Also write a page with tables and plots to this file");
  app.add_option("--part", flags->part, "Which held-out part to use")
      ->check(CLI::IsMember({"test", "validation"}))
      ->capture_default_str();
  app.add_flag("--frozen", flags->frozen,
               "Rank with user states as they were at the split, instead of up to each impression");
  app.add_option("--world", flags->world,
                 "World file that `upnext simulate --world` made the log with: also lets its users "
                 "live the test days again, and tells what the feed is truly worth to them");
  app.add_option("--seed", flags->seed, "Seed of the bootstrap (default: [train] seed, else 1)")
      ->check(CLI::NonNegativeNumber);
  return [flags] { return RunEvaluate(*flags); };
}

}  // namespace upnext::cli
