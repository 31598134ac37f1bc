#include "training/job.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ann/index.h"
#include "base/clock.h"
#include "base/lock_file.h"
#include "base/time_text.h"
#include "bundle/bundle.h"
#include "bundle/opened_bundle.h"
#include "bundle/validated_models.h"
#include "evaluation/order_choice.h"
#include "evaluation/position_overlap.h"
#include "examples/split.h"
#include "features/feature_statistics.h"
#include "log/event_log.h"
#include "project/current_bundle.h"
#include "project/forget.h"
#include "ranking/objectives.h"
#include "report/render.h"
#include "retrieval/feed_order.h"
#include "training/choose_preset.h"
#include "training/continued.h"
#include "training/coverage.h"
#include "training/dataset.h"
#include "training/freed_memory.h"
#include "training/gate.h"
#include "training/log_notes.h"
#include "training/onnx_models.h"
#include "training/preconditions.h"
#include "training/prediction_means.h"
#include "training/reference.h"
#include "training/serving_parts.h"
#include "training/staging.h"
#include "training/train.h"
#include "training/training_states.h"

namespace upnext::training {
namespace {

class Job {
 public:
  Job(const project::Project& project, const Options& options, const JobRequest& request,
      base::ThreadPool& pool, base::Progress& progress)
      : project_(project),
        options_(options),
        objectives_(options.train.objectives),
        request_(request),
        continues_(request.continues),
        pool_(pool),
        progress_(progress) {
    options_.train.train_retrieval = request.only != Stage::kRanking;
    options_.train.train_ranking = request.only != Stage::kRetrieval;
  }

  Result<JobResult> Run();

 private:
  Status Prepare();
  Status PrepareDataset();
  // What statistics grow from; null: nothing.
  const features::FeatureStatistics* Grown(const std::optional<Continued::Chain>& chain) const {
    return chain ? &chain->statistics : given_.examples();
  }
  Status CheckLog(const log::EventLog& log);
  // A network of others in the place of the candidate model, if there is one.
  Status OpenEncoder();
  Status ChooseObjectives();
  Status OpenContinued(const log::EventLog& log);
  // Why it is continued no more, if the request allows that.
  Status TrainAnew(const Error& why);
  Status ChooseCandidate();
  Status CompareWithCurrent();
  Status TrainModels();
  Status ChooseOrder();
  Status EvaluateModels();
  Status FitOnAll();
  Status Publish();
  Models TrainedOrGiven() const {
    Models models = trained_.models();
    if (given_.encoder() != nullptr) models.candidate = given_.encoder();
    if (given_.ranker() != nullptr) models.ranker = given_.ranker();
    return models;
  }
  // Also for the report.
  void Note(std::string note) {
    progress_.Note(note);
    choices_.push_back(std::move(note));
  }
  std::string ContinuedName() const { return continued_ ? continued_->Name() : ""; }

  const project::Project& project_;
  Options options_;
  const std::vector<ranking::Objective> objectives_;  // as the project has them
  const JobRequest request_;
  Continue continues_;
  base::ThreadPool& pool_;
  base::Progress& progress_;

  CurrentFigures current_;
  std::unique_ptr<Dataset> dataset_;
  bool fits_on_all_ = false;  // after the evaluation, the models are fitted once more
  std::optional<Staging> staging_;
  CheckpointFolder checkpoints_, checkpoints_of_fit_;
  OtherStage other_;                                               // with request.only
  std::shared_ptr<const features::RetrievalReference> reference_;  // of a chain: in its statistics
  std::optional<Continued> continued_;
  std::optional<Continued::Chain> chain_;  // of its validated models
  OnnxModels given_;                       // networks of others
  std::string preset_;                     // of the candidate model
  TrainedModels trained_;
  evaluation::OrderChoice order_;
  Models models_;                            // of this run, and with request.only the other stage's
  std::vector<bundle::PartType> validated_;  // written already: the models that were evaluated
  std::vector<std::string> choices_;         // notes of the report: what was chosen for this log
  JobResult result_;
};

// Nothing else changes when the request does not ask for it.
Status Job::OpenContinued(const log::EventLog& log) {
  if (continues_ == Continue::kNo) return Ok();
  const auto open = [&]() -> Status {
    UPNEXT_ASSIGN_OR_RETURN(continued_, Continued::Open(project_, options_, log));
    UPNEXT_ASSIGN_OR_RETURN(chain_,
                            continued_->Load(Continued::Models::kValidated, options_.train, pool_));
    return Ok();
  };
  const Status opened = open();
  return opened ? Ok() : TrainAnew(opened.error());
}

Status Job::TrainAnew(const Error& why) {
  const bool impossible = why.code == Code::kFailedPrecondition || why.code == Code::kNotFound;
  if (continues_ != Continue::kIfPossible || !impossible) return std::unexpected(why);
  continues_ = Continue::kNo;
  continued_.reset();
  chain_.reset();
  Note("trains anew: " + why.message);
  return Ok();
}

// What can fail without a training comes before one.
Status Job::Prepare() {
  UPNEXT_ASSIGN_OR_RETURN(Staging staging, Staging::Begin(project_.bundles()));
  staging_.emplace(std::move(staging));
  UPNEXT_RETURN_IF_ERROR(PrepareDataset());
  if (continued_) result_.nothing_new = continued_->WhyNothingNew(*dataset_, fits_on_all_);
  if (!result_.nothing_new.empty() && !given_.AreThoseOf(continued_->folder())) {
    choices_.clear();
    UPNEXT_RETURN_IF_ERROR(TrainAnew(OnnxModels::OthersThanContinued()));
    result_.nothing_new.clear();
    UPNEXT_RETURN_IF_ERROR(PrepareDataset());
  }
  if (!result_.nothing_new.empty()) return Ok();
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t digest,
                          DigestOf(dataset_->statistics(), staging_->path()));
  checkpoints_ = {project_.checkpoints(), request_.resume, digest, "", ContinuedName()};
  if (request_.only) {
    UPNEXT_ASSIGN_OR_RETURN(
        other_, OpenOther(project_, {*request_.only, digest, fits_on_all_,
                                     given_.examples() != nullptr, result_.manifest.log_version}));
  }
  return CompareWithCurrent();
}

Status Job::PrepareDataset() {
  UPNEXT_ASSIGN_OR_RETURN(const log::EventLog log, project_.OpenLog(request_.shard));
  result_.manifest.log_version = log.directory().filename().string();
  UPNEXT_RETURN_IF_ERROR(OpenContinued(log));
  UPNEXT_ASSIGN_OR_RETURN(given_, OnnxModels::Read(project_, options_, log));
  if (chain_) {
    const Status fits = given_.CheckGrew(chain_->statistics);
    if (!fits) UPNEXT_RETURN_IF_ERROR(TrainAnew(fits.error()));
  }
  if (!chain_) {
    UPNEXT_ASSIGN_OR_RETURN(
        reference_,
        PrepareReference(project_, log, options_,
                         {request_.only, request_.resume, staging_->path()}, pool_, progress_));
  }
  Result<std::unique_ptr<Dataset>> dataset =
      Dataset::Prepare(log, options_.dataset, pool_, progress_, Grown(chain_), reference_);
  if (!dataset && chain_) {  // of other features
    UPNEXT_RETURN_IF_ERROR(TrainAnew(dataset.error()));
    return PrepareDataset();
  }
  if (!dataset) return std::unexpected(std::move(dataset).error());
  dataset_ = *std::move(dataset);
  UPNEXT_RETURN_IF_ERROR(CheckLog(log));
  UPNEXT_RETURN_IF_ERROR(CheckTestPart(*dataset_, options_.dataset.split));
  UPNEXT_RETURN_IF_ERROR(OpenEncoder());
  UPNEXT_RETURN_IF_ERROR(ChooseObjectives());
  progress_.Note("covered by the vocabularies: " + CoverageOf(dataset_->statistics()));
  fits_on_all_ = options_.final_fit && (dataset_->has_events(examples::SplitPart::kValidation) ||
                                        dataset_->has_events(examples::SplitPart::kTest));
  return Ok();
}

// Notes what training on this log means.
Status Job::CheckLog(const log::EventLog& log) {
  for (std::string& note : NotesOnLog(*dataset_, log, options_)) Note(std::move(note));
  if (given_.has_encoder() && request_.only != Stage::kRanking) Note(given_.EncoderNote());
  if (request_.only == Stage::kRanking && !dataset_->has_impressions()) {
    return FailedPrecondition(
        "--only ranking: log {} has no impressions, so there is no ranker to train; import events of "
        "the type impression, or train without --only",
        result_.manifest.log_version);
  }
  if (continued_) {
    Note(continued_->Describe(given_.has_encoder(), given_.has_ranker()));
  }
  return Ok();
}

Status Job::OpenEncoder() {
  if (!given_.has_encoder() || request_.only == Stage::kRanking) return Ok();
  options_.train.train_retrieval = false;
  return given_.OpenEncoder(dataset_->statistics());
}

Status Job::ChooseObjectives() {
  if (request_.only == Stage::kRetrieval) return Ok();
  if (!dataset_->has_impressions()) return given_.CheckImpressions(false);
  UPNEXT_ASSIGN_OR_RETURN(std::vector<ranking::Objective> objectives,
                          TrainableObjectives(*dataset_, objectives_,
                                              {.are_defaults = options_.train.default_objectives,
                                               .feed = options_.evaluate.feed},
                                              pool_, progress_));
  if (chain_ && chain_->ranker) {
    const Status same = continued_->CheckObjectives(objectives, *chain_->ranker);
    if (!same) {
      choices_.clear();
      UPNEXT_RETURN_IF_ERROR(TrainAnew(same.error()));
      return PrepareDataset();
    }
  }
  options_.train.objectives = std::move(objectives);
  if (given_.has_ranker()) {
    UPNEXT_RETURN_IF_ERROR(given_.OpenRanker(options_.train.objectives, dataset_->statistics()));
    options_.train.train_ranking = false;
    Note(given_.RankerNote());
  } else {
    UPNEXT_RETURN_IF_ERROR(
        CheckRanker(*dataset_, options_.train.ranker, options_.train.objectives, pool_));
  }
  const evaluation::PositionOverlap overlap = evaluation::OverlapOf(
      evaluation::CountPositions(dataset_->source(), examples::SplitPart::kTrain, pool_));
  Note(overlap.Statement());
  return Ok();
}

// Before the training, so that the models of two bundles are never in memory together.
Status Job::CompareWithCurrent() {
  Result<CurrentFigures> current =
      EvaluateCurrent(project_, *dataset_, options_.evaluate, pool_, progress_);
  if (current) {
    current_ = *std::move(current);
  } else if (!request_.force || current.error().code == Code::kCancelled) {
    if (current.error().code != Code::kCancelled) {
      current.error().message += "; --force trains and publishes without comparing";
    }
    return std::unexpected(std::move(current).error());
  }
  return Ok();
}

// Which configuration of the candidate model is trained.
Status Job::ChooseCandidate() {
  TrainOptions& train = options_.train;
  if (!train.train_retrieval) return Ok();
  const bool chosen = chain_ && chain_->candidate;
  UPNEXT_ASSIGN_OR_RETURN(const PresetChoice choice,
                          chosen ? continued_->PresetOf(*chain_, train.presets)
                                 : ChoosePreset(*dataset_, train.presets,
                                                train.candidate_train.seed, pool_, progress_));
  UsePreset(choice, &train, progress_);
  preset_ = choice.preset.name;
  choices_.insert(choices_.end(), choice.notes.begin(), choice.notes.end());
  return Ok();
}

Status Job::TrainModels() {
  UPNEXT_RETURN_IF_ERROR(ChooseCandidate());
  UPNEXT_ASSIGN_OR_RETURN(trained_, Train(*dataset_, options_.train, pool_, progress_, checkpoints_,
                                          chain_ ? chain_->start() : Start{}));
  chain_.reset();
  NamePreset(preset_, trained_);
  models_ = TrainedOrGiven();
  if (other_.empty()) return Ok();
  if (request_.only == Stage::kRanking) models_.candidate = other_.validated->candidate();
  if (request_.only == Stage::kRetrieval) models_.ranker = other_.validated->ranker();
  return Ok();
}

// Before the test part is looked at.
Status Job::ChooseOrder() {
  const double fixed = options_.evaluate.served.live.half_life_hours;
  const auto orders = fixed > 0 ? retrieval::OrdersOf(options_.order, std::span(&fixed, 1))
                                : retrieval::OrdersOf(options_.order);
  UPNEXT_ASSIGN_OR_RETURN(
      order_, evaluation::ChooseOrder(
                  {dataset_->source(), dataset_->statistics(), models_.candidate, nullptr},
                  options_.evaluate, orders, pool_, progress_));
  options_.evaluate.served.order = order_.order;
  result_.manifest.order = order_.order;
  return Ok();
}

Status Job::EvaluateModels() {
  evaluation::DecidingFigures deciding;
  options_.evaluate.reach.scratch = staging_->path() / "reach";
  UPNEXT_ASSIGN_OR_RETURN(
      result_.report, Evaluate(*dataset_, models_, options_.evaluate, pool_, progress_, &deciding));
  evaluation::Report& report = result_.report;
  if (!order_.tried.empty()) report.order = order_;
  report.notes.insert(report.notes.end(), choices_.begin(), choices_.end());
  if (request_.shard) {
    report.notes.push_back(fmt::format("trained and evaluated on shard {} of {} alone (from 0)",
                                       *request_.shard, dataset_->log().shards()));
  }
  bundle::Manifest& manifest = result_.manifest;
  manifest.gate = Judge(current_, deciding, models_, options_.margin, &report);
  manifest.forced = !manifest.gate.empty() && request_.force;
  if (manifest.forced) report.notes.push_back("published with --force although " + manifest.gate);
  manifest.prediction_means = PredictionMeans(report);
  manifest.created = base::FormatTime(base::SystemClock().NowMs());
  manifest.upnext_version = UPNEXT_VERSION;
  manifest.split = report.split;
  manifest.machine = report.machine;
  manifest.seed = options_.train.seed;
  return Ok();
}

// Keeps what was evaluated in the bundle, and trains the models again on the whole log, for as many
// epochs as validation chose.
Status Job::FitOnAll() {
  UPNEXT_ASSIGN_OR_RETURN(validated_,
                          bundle::WriteValidated(staging_->path(), dataset_->statistics(),
                                                 models_.candidate, models_.ranker));
  UPNEXT_ASSIGN_OR_RETURN(
      const std::vector<bundle::PartType> states,
      WriteValidatedStates(staging_->path(), trained_, checkpoints_.features_digest));
  validated_.insert(validated_.end(), states.begin(), states.end());
  const TrainOptions train = FitOptions(options_.train, trained_);
  const log::EventLog log = dataset_->log();
  models_ = {};  // before there are others
  trained_ = {};
  other_.validated.reset();
  dataset_.reset();
  ReturnFreedMemory();
  DatasetOptions all = options_.dataset;
  all.split = {.kind = examples::SplitOptions::Kind::kNone};
  progress_.Note("fits the models on the whole log, to publish them");
  std::optional<Continued::Chain> chain;
  if (continued_) {
    UPNEXT_ASSIGN_OR_RETURN(chain, continued_->Load(Continued::Models::kPublished, train, pool_));
  }
  UPNEXT_ASSIGN_OR_RETURN(dataset_,
                          Dataset::Prepare(log, all, pool_, progress_, Grown(chain), reference_));
  UPNEXT_RETURN_IF_ERROR(OpenEncoder());  // the whole log has items that the training part has not
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t digest,
                          DigestOf(dataset_->statistics(), staging_->path()));
  if (!other_.empty() && digest != other_.opened.bundle->manifest().features_digest) {
    return Internal("the statistics of log {} are not those that bundle {} was fitted with",
                    result_.manifest.log_version, other_.opened.bundle->manifest().version);
  }
  checkpoints_of_fit_ = {project_.checkpoints(), request_.resume, digest, "final-",
                         ContinuedName()};
  UPNEXT_ASSIGN_OR_RETURN(trained_, Train(*dataset_, train, pool_, progress_, checkpoints_of_fit_,
                                          chain ? chain->start() : Start{}));
  NamePreset(preset_, trained_);
  models_ = TrainedOrGiven();
  return Ok();
}

Status Job::Publish() {
  if (fits_on_all_) UPNEXT_RETURN_IF_ERROR(FitOnAll());
  const ann::Index* index = nullptr;
  if (!other_.empty()) {
    const bundle::Bundle& kept = *other_.opened.bundle;
    if (request_.only == Stage::kRetrieval) models_.ranker = kept.ranker();
    if (request_.only == Stage::kRanking) {
      models_.candidate = kept.candidate();
      index = kept.index();
    }
  }
  result_.report.notes.push_back(WhatWasSeen(*dataset_, fits_on_all_));
  result_.seen_until_ms = dataset_->statistics().train_end_ms;
  UPNEXT_ASSIGN_OR_RETURN(
      const ServingParts serving,
      ServingParts::Learn(*dataset_, models_, options_.train, pool_, progress_, index));
  result_.manifest.index = serving.IndexText();
  if (!result_.manifest.index.empty()) {
    result_.report.notes.push_back("index: " + result_.manifest.index);
  }
  bundle::Parts parts = serving.Of(models_);
  SetStateParts(trained_, parts);
  parts.Set(bundle::ProjectPart(project_.config().text()));
  parts.Set(bundle::ReportPart(report::RenderJson(result_.report)));
  for (const bundle::PartType& type : validated_) parts.Set(bundle::WrittenPart(type));
  UPNEXT_RETURN_IF_ERROR(bundle::WriteBundle(staging_->path(), parts, &result_.manifest));
  UPNEXT_ASSIGN_OR_RETURN(result_.manifest.version, staging_->Publish());
  UPNEXT_RETURN_IF_ERROR(
      project::MakeNewBundleCurrent(project_, result_.manifest.version, "training"));
  result_.published = true;
  UPNEXT_RETURN_IF_ERROR(project_.Prune());
  if (fits_on_all_) {
    UPNEXT_RETURN_IF_ERROR(RemoveCheckpoints(options_.train, checkpoints_of_fit_));
  }
  UPNEXT_RETURN_IF_ERROR(RemoveReferenceCheckpoints(project_));
  return RemoveCheckpoints(options_.train, checkpoints_);
}

Result<JobResult> Job::Run() {
  if (continues_ != Continue::kNo && (request_.only || request_.shard)) {
    return InvalidArgument(
        "--continue continues or trains both models, on the whole log; leave --only and --shard out");
  }
  UPNEXT_ASSIGN_OR_RETURN(const base::LockFile lock, project_.Lock());
  UPNEXT_RETURN_IF_ERROR(project::ForgetDeleted(project_, progress_));
  UPNEXT_RETURN_IF_ERROR(Prepare());
  if (!result_.nothing_new.empty()) return std::move(result_);
  UPNEXT_RETURN_IF_ERROR(TrainModels());
  UPNEXT_RETURN_IF_ERROR(ChooseOrder());
  UPNEXT_RETURN_IF_ERROR(EvaluateModels());
  if (result_.manifest.gate.empty() || request_.force) UPNEXT_RETURN_IF_ERROR(Publish());
  return std::move(result_);
}

}  // namespace

Result<JobResult> RunJob(const project::Project& project, const Options& options,
                         const JobRequest& request, base::ThreadPool& pool,
                         base::Progress& progress) {
  return Job(project, options, request, pool, progress).Run();
}

}  // namespace upnext::training
