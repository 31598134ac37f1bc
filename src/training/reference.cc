#include "training/reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/config.h"
#include "base/time_text.h"
#include "bundle/bundle.h"
#include "bundle/bundle_statistics.h"
#include "bundle/part.h"
#include "bundle/validated_models.h"
#include "features/event_counts.h"
#include "retrieval/candidate_reference.h"
#include "schema/event.h"
#include "training/choose_preset.h"
#include "training/dataset.h"
#include "training/time_information.h"
#include "training/train.h"
#include "training/wide_split.h"

namespace upnext::training {
namespace {

namespace fs = std::filesystem;
using SplitKind = examples::SplitOptions::Kind;

constexpr const char* kCheckpointPrefix = "reference-";

// Ascending, of the training part.
std::vector<int32_t> DaysWithImpressions(const log::EventLog& log, const examples::Split& split) {
  std::set<int32_t> days;
  for (uint32_t user = 0; user < log.users(); ++user) {
    for (uint64_t row = log.begin(user); row < split.train_end(user); ++row) {
      if (log.type(row) != schema::EventType::kImpression) continue;
      days.insert(static_cast<int32_t>(features::UtcDay(log.time_ms(row))));
    }
  }
  return {days.begin(), days.end()};
}

bool HasImpressions(const log::EventLog& log) {
  return log.stats().by_type[static_cast<size_t>(schema::EventType::kImpression)] > 0;
}

Result<double> ShareOf(const fs::path& folder) {
  UPNEXT_ASSIGN_OR_RETURN(const base::Config config, bundle::ReadProject(folder));
  return config.Table("ranking").Real("reference_share", TrainOptions().reference_share);
}

// kNotFound without a bundle. `end_ms`: of the reference that a training of these would make.
Result<ReferencePtr> ReferenceOfBundle(const project::Project& project, const log::EventLog& log,
                                       const examples::Split& split, double share, int64_t end_ms,
                                       Stage only) {
  UPNEXT_ASSIGN_OR_RETURN(const std::string version, project.bundles().Current());
  const fs::path folder = project.bundles().Path(version);
  UPNEXT_ASSIGN_OR_RETURN(const bundle::Manifest manifest, bundle::VerifyBundle(folder));
  UPNEXT_ASSIGN_OR_RETURN(const features::FeatureStatistics statistics,
                          bundle::OpenStatistics(folder, manifest, bundle::FeaturesType()));
  if (statistics.reference != nullptr && statistics.reference->end_ms() == end_ms) {
    return statistics.reference;
  }
  UPNEXT_ASSIGN_OR_RETURN(const double its_share, ShareOf(folder));
  const bool unchanged = statistics.reference != nullptr && its_share == share &&
                         manifest.log_digest == log.lineage().back() &&
                         manifest.split == split.Describe();
  return FailedPrecondition(
      "--only {}: {} bundle {}, so its reference candidate model is not the one that the ranker's "
      "features need; train without --only",
      StageName(only),
      unchanged ? "--continue has kept the reference of an earlier log in"
                : "the log, [split], a [[feature]] or [ranking] reference_share changed since",
      version);
}

Result<ReferencePtr> TrainReference(const project::Project& project, const log::EventLog& log,
                                    const Options& options, const ReferenceDays& days,
                                    const ReferenceRequest& request, base::ThreadPool& pool,
                                    base::Progress& progress) {
  DatasetOptions first_days = options.dataset;
  first_days.split = {.kind = SplitKind::kTime,
                      .train_until_ms = days.validation_ms,
                      .validation_until_ms = days.end_ms};
  progress.Note(
      fmt::format("trains the candidate model that the ranker reads, on the events before {}",
                  base::FormatTime(days.end_ms)));
  UPNEXT_ASSIGN_OR_RETURN(const auto dataset, Dataset::Prepare(log, first_days, pool, progress));
  TrainOptions train = options.train;
  train.train_retrieval = true;
  train.train_ranking = false;
  UPNEXT_ASSIGN_OR_RETURN(
      const PresetChoice choice,
      ChoosePreset(*dataset, train.presets, train.candidate_train.seed, pool, progress));
  UsePreset(choice, &train, progress);
  train.candidate_train.keep_state = false;
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t digest, DigestOf(dataset->statistics(), request.folder));
  UPNEXT_ASSIGN_OR_RETURN(TrainedModels trained, Train(*dataset, train, pool, progress,
                                                       {.path = project.checkpoints(),
                                                        .resume = request.resume,
                                                        .features_digest = digest,
                                                        .prefix = kCheckpointPrefix}));
  const fs::path features_file = request.folder / bundle::ReferenceFeaturesType().file,
                 model_file = request.folder / bundle::ReferenceModelType().file;
  const retrieval::CandidateReference model(std::move(*trained.candidate.model));
  UPNEXT_RETURN_IF_ERROR(
      retrieval::SaveReference(dataset->statistics(), model, features_file, model_file));
  return retrieval::LoadReference(features_file, model_file, days.end_ms);
}

}  // namespace

Result<ReferenceDays> ReferenceDaysOf(const log::EventLog& log, const examples::Split& split,
                                      double share) {
  if (split.kind() == SplitKind::kLeaveOneOut) {
    return FailedPrecondition(
        "a feature of the ranker reads a reference candidate model, which learns from the first days; "
        "[split] kind = \"leave-one-out\" has no days: choose kind = \"time\", or leave the feature out");
  }
  const std::vector<int32_t> days = DaysWithImpressions(log, split);
  if (days.size() < 2) {
    return FailedPrecondition(
        "a feature of the ranker reads a reference candidate model, which learns from the first of the "
        "days with impressions; expected at least two in the training part ({}), found {}; import "
        "more, set fewer [split] validation_days and test_days, or leave the feature out",
        split.Describe(), days.size());
  }
  const auto of_share = static_cast<size_t>(std::llround(share * static_cast<double>(days.size())));
  const size_t first = std::clamp<size_t>(of_share, 1, days.size() - 1);
  const size_t validating = first < 2 ? 0 : std::max<size_t>(1, first / 10);
  return ReferenceDays{.validation_ms = days[first - validating] * base::kDayMs,
                       .end_ms = days[first] * base::kDayMs};
}

Result<ReferencePtr> PrepareReference(const project::Project& project, const log::EventLog& log,
                                      const Options& options, const ReferenceRequest& request,
                                      base::ThreadPool& pool, base::Progress& progress) {
  UPNEXT_ASSIGN_OR_RETURN(const features::FeaturePlan plan,
                          features::FeaturePlan::Compile(options.dataset.features, log.schema()));
  if (!plan.reads_reference() || !HasImpressions(log)) return nullptr;
  UPNEXT_RETURN_IF_ERROR(retrieval::CheckWidth(plan, options.train.presets));
  UPNEXT_ASSIGN_OR_RETURN(const WideSplit made,
                          MakeWideSplit(options.dataset.split, log, options.dataset.RuleFor(log)));
  UPNEXT_ASSIGN_OR_RETURN(const ReferenceDays days,
                          ReferenceDaysOf(log, made.split, options.train.reference_share));
  if (request.only) {
    Result<ReferencePtr> kept = ReferenceOfBundle(
        project, log, made.split, options.train.reference_share, days.end_ms, *request.only);
    if (kept || kept.error().code != Code::kNotFound) return kept;
  }
  Result<ReferencePtr> trained =
      TrainReference(project, log, options, days, request, pool, progress);
  if (!trained) {
    trained.error().message = fmt::format(
        "the reference candidate model, trained on the events before {} ([ranking] reference_share = "
        "{}): {}",
        base::FormatTime(days.end_ms), options.train.reference_share, trained.error().message);
  }
  return trained;
}

Status RemoveReferenceCheckpoints(const project::Project& project) {
  TrainOptions options;
  options.train_ranking = false;
  return RemoveCheckpoints(options, {.path = project.checkpoints(), .prefix = kCheckpointPrefix});
}

Result<ReferencePtr> ReferenceOfCurrent(const project::Project& project, const log::EventLog& log,
                                        const DatasetOptions& options) {
  UPNEXT_ASSIGN_OR_RETURN(
      const features::FeaturePlan plan,
      features::FeaturePlan::Compile(WithoutUselessTimes(options.features, log), log.schema()));
  if (!plan.reads_reference()) return nullptr;
  UPNEXT_ASSIGN_OR_RETURN(const bundle::OpenedModels opened, project.OpenValidated());
  const bundle::Manifest& manifest = opened.models->manifest();
  const features::FeatureStatistics& statistics = opened.models->tables();
  const bool same_ids = std::ranges::count(log.lineage(), manifest.log_digest) > 0;
  if (statistics.reference != nullptr && same_ids && statistics.plan.text() == plan.text()) {
    return statistics.reference;
  }
  return FailedPrecondition(
      "a feature of the ranker reads a reference candidate model, and that of bundle {} is of other "
      "features or of a log with other numbers; train first, or leave the feature out",
      manifest.version);
}

std::string DescribeReference(const features::FeatureStatistics& statistics) {
  if (statistics.reference == nullptr) return "";
  return fmt::format(
      "the ranker learns from the impressions since {}: its features read a candidate model of the "
      "events before",
      base::FormatTime(statistics.reference->end_ms()));
}

}  // namespace upnext::training
