#include "training/dataset.h"

#include <utility>

#include "base/section_file.h"
#include "examples/learn.h"
#include "schema/event.h"
#include "training/time_information.h"
#include "training/wide_split.h"

namespace upnext::training {

Dataset::Dataset(const log::EventLog& log, const DatasetOptions& options, examples::Split split)
    : rule_(options.RuleFor(log)),
      catalogue_(log),
      split_(std::move(split)),
      source_{catalogue_.log(), catalogue_, rule_, split_} {}

Result<std::unique_ptr<Dataset>> Dataset::Prepare(
    const log::EventLog& log, const DatasetOptions& options, base::ThreadPool& pool,
    base::Progress& progress, const features::FeatureStatistics* old,
    std::shared_ptr<const features::RetrievalReference> reference) {
  UPNEXT_ASSIGN_OR_RETURN(WideSplit made, MakeWideSplit(options.split, log, options.RuleFor(log)));
  std::unique_ptr<Dataset> dataset(new Dataset(log, options, std::move(made.split)));
  dataset->widened_ = std::move(made.note);
  UPNEXT_ASSIGN_OR_RETURN(
      dataset->statistics_,
      examples::LearnFeatures(dataset->source_, WithoutUselessTimes(options.features, log), pool,
                              progress, old, std::move(reference)));
  return dataset;
}

Result<std::unique_ptr<Dataset>> Dataset::With(const log::EventLog& log,
                                               const DatasetOptions& options,
                                               features::FeatureStatistics statistics) {
  UPNEXT_ASSIGN_OR_RETURN(WideSplit made, MakeWideSplit(options.split, log, options.RuleFor(log)));
  std::unique_ptr<Dataset> dataset(new Dataset(log, options, std::move(made.split)));
  dataset->statistics_ = std::move(statistics);
  return dataset;
}

bool Dataset::has_impressions() const {
  return log().stats().by_type[static_cast<size_t>(schema::EventType::kImpression)] > 0;
}

bool Dataset::has_events(examples::SplitPart part) const {
  for (uint32_t user = 0; user < log().users(); ++user) {
    const examples::RowRange rows = split_.rows(log(), user, part);
    if (rows.begin < rows.end) return true;
  }
  return false;
}

Result<uint64_t> DigestOf(const features::FeatureStatistics& statistics,
                          const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "features.uxs";
  UPNEXT_RETURN_IF_ERROR(statistics.Save(path));
  UPNEXT_ASSIGN_OR_RETURN(const auto file, base::SectionFile::Open(path, features::kTablesKind,
                                                                   features::kTablesVersion));
  return file.digest();
}

Result<examples::Split> SplitOf(const DatasetOptions& options, const bundle::Manifest& manifest,
                                const log::EventLog& log) {
  UPNEXT_ASSIGN_OR_RETURN(const features::PositiveRule rule,
                          features::PositiveRule::Parse(manifest.labels, log.schema()));
  UPNEXT_ASSIGN_OR_RETURN(WideSplit made, MakeWideSplit(options.split, log, rule));
  if (made.split.Describe() == manifest.split) return std::move(made.split);
  const Result<examples::SplitOptions> own = examples::SplitOptions::Parse(manifest.split);
  // Without users who were forgotten since, the log may end earlier, and days count back from there.
  const bool rewritten = log.digest() != manifest.log_digest;
  if (rewritten && options.split.by_days() && own &&
      own->kind == examples::SplitOptions::Kind::kTime) {
    return examples::Split::Make(*own, log, rule);
  }
  return FailedPrecondition(
      "[split] changed since bundle {} was trained ({}; now {}), so it may have learned from what "
      "would test it: train again, or restore [split]",
      manifest.version, manifest.split, made.split.Describe());
}

}  // namespace upnext::training
