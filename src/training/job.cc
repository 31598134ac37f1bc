#include "training/job.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/lock_file.h"
#include "base/section_file.h"
#include "base/time_text.h"
#include "bundle/bundle.h"
#include "bundle/opened_bundle.h"
#include "features/feature_statistics.h"
#include "log/event_log.h"
#include "report/render.h"
#include "training/coverage.h"
#include "training/dataset.h"
#include "training/gate.h"
#include "training/serving_parts.h"
#include "training/staging.h"
#include "training/train.h"

namespace upnext::training {
namespace {

// The digest that a bundle of these statistics has; the file is written again with the bundle.
Result<uint64_t> DigestOf(const features::FeatureStatistics& statistics,
                          const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "features.uxs";
  UPNEXT_RETURN_IF_ERROR(statistics.Save(path));
  UPNEXT_ASSIGN_OR_RETURN(const auto file, base::SectionFile::Open(path, features::kTablesKind,
                                                                   features::kTablesVersion));
  return file.digest();
}

// The bundle that the other stage's model comes from, provided that it has the same features. Empty
// when there is no bundle yet.
Result<bundle::OpenedBundle> OtherStage(const project::Project& project, Stage only,
                                        uint64_t features_digest) {
  const Result<std::string> version = project.bundles().Current();
  if (!version && version.error().code == Code::kNotFound) return bundle::OpenedBundle{};
  Result<bundle::OpenedBundle> current = project.OpenBundle(bundle::LogChoice::kTrainedOn);
  if (!current) {
    return FailedPrecondition(
        "--only {} keeps the other stage's model of the current bundle, which cannot be opened "
        "({}); train without --only",
        StageName(only), current.error().message);
  }
  if (features_digest != current->bundle->manifest().features_digest) {
    return FailedPrecondition(
        "--only {}: the log or the [features] changed since bundle {}, so its other model no "
        "longer fits; train without --only",
        StageName(only), current->bundle->manifest().version);
  }
  return current;
}

class Job {
 public:
  Job(const project::Project& project, const Options& options, const JobRequest& request,
      base::ThreadPool& pool, base::Progress& progress)
      : project_(project), options_(options), request_(request), pool_(pool), progress_(progress) {
    options_.train.train_retrieval = request.only != Stage::kRanking;
    options_.train.train_ranking = request.only != Stage::kRetrieval;
  }

  Result<JobResult> Run();

 private:
  Status Prepare();
  Status TrainModels();
  Status EvaluateModels();
  Status Publish();

  const project::Project& project_;
  Options options_;
  const JobRequest request_;
  base::ThreadPool& pool_;
  base::Progress& progress_;

  std::optional<evaluation::Report> current_;  // of the current bundle
  std::unique_ptr<Dataset> dataset_;
  std::optional<Staging> staging_;
  CheckpointFolder checkpoints_;
  bundle::OpenedBundle other_;  // with request.only
  TrainedModels trained_;
  Models models_;  // of this run, and with request.only the other stage's
  JobResult result_;
};

// What can fail without a training comes before one.
Status Job::Prepare() {
  Result<std::optional<evaluation::Report>> current = CurrentReport(project_);
  if (!current && !request_.force) {
    current.error().message += "; --force trains and publishes without comparing";
    return std::unexpected(std::move(current).error());
  }
  if (current) current_ = *std::move(current);
  UPNEXT_ASSIGN_OR_RETURN(const log::EventLog log, project_.OpenLog(request_.shard));
  result_.manifest.log_version = log.directory().filename().string();
  UPNEXT_ASSIGN_OR_RETURN(dataset_, Dataset::Prepare(log, options_.dataset, pool_, progress_));
  progress_.Note("covered by the vocabularies: " + CoverageOf(dataset_->statistics()));
  UPNEXT_ASSIGN_OR_RETURN(Staging staging, Staging::Begin(project_.bundles()));
  staging_.emplace(std::move(staging));
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t digest,
                          DigestOf(dataset_->statistics(), staging_->path()));
  checkpoints_ = {project_.checkpoints(), request_.resume, digest};
  if (!request_.only) return Ok();
  UPNEXT_ASSIGN_OR_RETURN(other_, OtherStage(project_, *request_.only, digest));
  return Ok();
}

Status Job::TrainModels() {
  UPNEXT_ASSIGN_OR_RETURN(trained_,
                          Train(*dataset_, options_.train, pool_, progress_, checkpoints_));
  models_ = trained_.models();
  if (other_.bundle == nullptr) return Ok();
  if (request_.only == Stage::kRanking) models_.candidate = other_.bundle->candidate();
  if (request_.only == Stage::kRetrieval) models_.ranker = other_.bundle->ranker();
  return Ok();
}

Status Job::EvaluateModels() {
  UPNEXT_ASSIGN_OR_RETURN(result_.report,
                          Evaluate(*dataset_, models_, options_.evaluate, pool_, progress_));
  evaluation::Report& report = result_.report;
  if (request_.shard) {
    report.notes.push_back(fmt::format("trained and evaluated on shard {} of {} alone (from 0)",
                                       *request_.shard, dataset_->log().shards()));
  }
  bundle::Manifest& manifest = result_.manifest;
  if (current_) manifest.gate = WorseThan(report, *current_, options_.margin);
  manifest.forced = !manifest.gate.empty() && request_.force;
  if (manifest.forced) report.notes.push_back("published with --force although " + manifest.gate);
  manifest.created = base::FormatTime(base::SystemClock().NowMs());
  manifest.upnext_version = UPNEXT_VERSION;
  manifest.split = report.split;
  manifest.machine = report.machine;
  manifest.seed = options_.train.seed;
  return Ok();
}

Status Job::Publish() {
  const bool kept = request_.only == Stage::kRanking && other_.bundle != nullptr;
  UPNEXT_ASSIGN_OR_RETURN(const ServingParts serving,
                          ServingParts::Learn(*dataset_, models_, options_.train, pool_, progress_,
                                              kept ? other_.bundle->index() : nullptr));
  bundle::Parts parts = serving.Of(models_);
  parts.project_toml = project_.config().text();
  parts.report_json = report::RenderJson(result_.report);
  UPNEXT_RETURN_IF_ERROR(bundle::WriteBundle(staging_->path(), parts, &result_.manifest));
  UPNEXT_ASSIGN_OR_RETURN(result_.manifest.version, staging_->Publish());
  result_.published = true;
  UPNEXT_RETURN_IF_ERROR(project_.Prune());
  return RemoveCheckpoints(options_.train, checkpoints_);
}

Result<JobResult> Job::Run() {
  UPNEXT_ASSIGN_OR_RETURN(const base::LockFile lock, project_.Lock());
  UPNEXT_RETURN_IF_ERROR(Prepare());
  UPNEXT_RETURN_IF_ERROR(TrainModels());
  UPNEXT_RETURN_IF_ERROR(EvaluateModels());
  if (result_.manifest.gate.empty() || request_.force) UPNEXT_RETURN_IF_ERROR(Publish());
  return std::move(result_);
}

}  // namespace

std::string_view StageName(Stage stage) {
  return stage == Stage::kRetrieval ? "retrieval" : "ranking";
}

Result<JobResult> RunJob(const project::Project& project, const Options& options,
                         const JobRequest& request, base::ThreadPool& pool,
                         base::Progress& progress) {
  return Job(project, options, request, pool, progress).Run();
}

}  // namespace upnext::training
