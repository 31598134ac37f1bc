#include "api/models.h"

#include <fmt/format.h>

#include <utility>

#include "base/scratch_name.h"
#include "base/time_text.h"
#include "bundle/manifest.h"
#include "bundle/opened_bundle.h"
#include "catalogue/catalogue.h"
#include "evaluation/evaluate.h"
#include "examples/replay.h"
#include "interchange/example_table.h"
#include "interchange/export_models.h"
#include "log/event_log.h"
#include "project/project.h"
#include "ranking/objectives.h"
#include "report/render.h"
#include "retrieval/candidate_model.h"
#include "training/dataset.h"
#include "training/onnx_models.h"
#include "training/preconditions.h"
#include "training/reference.h"

namespace upnext::api {

nlohmann::json TrainJson(const training::JobResult& result) {
  const bundle::Manifest& manifest = result.manifest;
  nlohmann::json out = result.nothing_new.empty()
                           ? nlohmann::json::parse(report::RenderJson(result.report))
                           : nlohmann::json{{"nothing_new", result.nothing_new}};
  out["bundle"] = {
      {"published", result.published},
      {"version", manifest.version},
      {"log", manifest.log_version},
      {"seen_until", result.published ? nlohmann::json(base::FormatTime(result.seen_until_ms))
                                      : nlohmann::json()},
      {"forced", manifest.forced},
      {"gate", manifest.gate}};
  return out;
}

Result<evaluation::Report> EvaluateProject(const Settings& settings, const EvaluateRequest& request,
                                           base::ThreadPool& pool, base::Progress& progress) {
  UPNEXT_ASSIGN_OR_RETURN(const bundle::OpenedModels opened, settings.project.OpenValidated());
  const bundle::ValidatedModels& models = *opened.models;
  const bundle::Manifest& manifest = models.manifest();
  const catalogue::Catalogue catalogue(opened.log);
  UPNEXT_ASSIGN_OR_RETURN(const examples::Split split,
                          training::SplitOf(settings.training.dataset, manifest, opened.log));
  const examples::ReplaySource source{opened.log, catalogue, opened.rule, split};

  evaluation::EvaluateOptions options = settings.training.evaluate;
  options.part = request.part;
  options.frozen_state = request.frozen;
  if (request.importance) options.importance_impressions = evaluation::kImportanceSample;
  options.served.order = manifest.order;
  options.reach.scratch = settings.project.directory() / base::ScratchName(".reach");
  if (request.seed) options.seed = *request.seed;
  UPNEXT_ASSIGN_OR_RETURN(
      evaluation::Report report,
      evaluation::Evaluate({source, models.tables(), models.candidate(), models.ranker()}, options,
                           pool, progress));
  report.version = manifest.version;
  if (manifest.forced) {
    report.notes.push_back("published with --force although " + manifest.gate);
  }
  if (bundle::KeepsValidated(manifest)) {
    report.notes.push_back(
        "the figures are of the models that were fitted on the training part; the published ones "
        "were fitted on the whole log and have seen the held-out events");
  }
  report.notes.insert(report.notes.end(), models.notes().begin(), models.notes().end());
  return report;
}

Result<std::string> ExportModels(const Settings& settings, const std::string& folder,
                                 base::ThreadPool& pool) {
  UPNEXT_ASSIGN_OR_RETURN(const bundle::OpenedBundle opened,
                          settings.project.OpenBundle(bundle::LogChoice::kTrainedOn));
  const catalogue::Catalogue catalogue(opened.log);
  examples::SplitOptions everything_trains;
  everything_trains.kind = examples::SplitOptions::Kind::kNone;
  UPNEXT_ASSIGN_OR_RETURN(const examples::Split split,
                          examples::Split::Make(everything_trains, opened.log, opened.rule));
  const bundle::Bundle& bundle = *opened.bundle;
  // Networks of others are ONNX already.
  const ranking::Ranker* const ranker =
      bundle.ranker() == nullptr ? nullptr : bundle.ranker()->trained();
  const retrieval::CandidateModel* const candidate =
      bundle.candidate() == nullptr ? nullptr : bundle.candidate()->trained();
  const bool has_models = bundle.ranker() != nullptr || bundle.candidate() != nullptr;
  if (has_models && ranker == nullptr && candidate == nullptr) {
    return FailedPrecondition(
        "the models of bundle {} are networks of others, which are ONNX already; export a bundle "
        "with a model that upnext trained",
        bundle.manifest().version);
  }
  UPNEXT_RETURN_IF_ERROR(interchange::ExportModels({.tables = bundle.tables(),
                                                    .candidate = candidate,
                                                    .ranker = ranker,
                                                    .version = bundle.manifest().version,
                                                    .seed = settings.training.train.seed},
                                                   {opened.log, catalogue, opened.rule, split},
                                                   folder, pool));
  return bundle.manifest().version;
}

namespace {

std::vector<examples::SplitPart> PartsOf(std::string_view name) {
  using enum examples::SplitPart;
  if (name == "train") return {kTrain};
  if (name == "validation") return {kValidation};
  if (name == "test") return {kTest};
  return {kTrain, kValidation, kTest};
}

}  // namespace

Result<uint64_t> ExportExamples(const Settings& settings, const ExamplesRequest& request,
                                base::ThreadPool& pool, base::Progress& progress) {
  const training::Options& options = settings.training;
  UPNEXT_ASSIGN_OR_RETURN(const log::EventLog log, settings.project.OpenLog());
  training::ReferencePtr reference;
  if (request.ranking) {
    UPNEXT_ASSIGN_OR_RETURN(reference,
                            training::ReferenceOfCurrent(settings.project, log, options.dataset));
  }
  UPNEXT_ASSIGN_OR_RETURN(const auto dataset,
                          training::Dataset::Prepare(log, options.dataset, pool, progress, nullptr,
                                                     std::move(reference)));
  if (request.ranking && !dataset->has_impressions()) {
    return FailedPrecondition(
        "expected impressions, which the ranker is trained on, found none in the log; --stage "
        "retrieval writes the examples of the candidate model");
  }
  std::vector<ranking::Objective> objectives;
  if (request.ranking) {
    UPNEXT_ASSIGN_OR_RETURN(
        objectives, training::TrainableObjectives(*dataset, options.train.objectives,
                                                  {.are_defaults = options.train.default_objectives,
                                                   .feed = options.evaluate.feed},
                                                  pool, progress));
  }
  UPNEXT_ASSIGN_OR_RETURN(
      const uint64_t rows,
      interchange::WriteExamples(
          dataset->source(), dataset->statistics(), objectives,
          {.stage = request.ranking ? interchange::Stage::kRanking : interchange::Stage::kRetrieval,
           .parts = PartsOf(request.part),
           .min_history = options.train.candidate_train.min_history,
           .limit = request.limit,
           .seed = options.train.seed},
          request.file, pool, progress));
  // What the numbers of ids and the quantiles are of, for a network that learns from them.
  UPNEXT_RETURN_IF_ERROR(dataset->statistics().Save(training::StatisticsOfExamples(request.file)));
  return rows;
}

}  // namespace upnext::api
