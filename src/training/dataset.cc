#include "training/dataset.h"

#include <utility>

#include "examples/learn.h"
#include "schema/event.h"
#include "training/time_information.h"

namespace upnext::training {

Dataset::Dataset(const log::EventLog& log, const DatasetOptions& options, examples::Split split)
    : rule_(options.RuleFor(log)),
      catalogue_(log),
      split_(std::move(split)),
      source_{catalogue_.log(), catalogue_, rule_, split_} {}

Result<std::unique_ptr<Dataset>> Dataset::Prepare(const log::EventLog& log,
                                                  const DatasetOptions& options,
                                                  base::ThreadPool& pool,
                                                  base::Progress& progress) {
  UPNEXT_ASSIGN_OR_RETURN(examples::Split split,
                          examples::Split::Make(options.split, log, options.RuleFor(log)));
  std::unique_ptr<Dataset> dataset(new Dataset(log, options, std::move(split)));
  UPNEXT_ASSIGN_OR_RETURN(
      dataset->statistics_,
      examples::LearnFeatures(dataset->source_, WithoutUselessTimes(options.features, log), pool,
                              progress));
  return dataset;
}

Result<std::unique_ptr<Dataset>> Dataset::With(const log::EventLog& log,
                                               const DatasetOptions& options,
                                               features::FeatureStatistics statistics) {
  UPNEXT_ASSIGN_OR_RETURN(examples::Split split,
                          examples::Split::Make(options.split, log, options.RuleFor(log)));
  std::unique_ptr<Dataset> dataset(new Dataset(log, options, std::move(split)));
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

Result<examples::Split> SplitOf(const DatasetOptions& options, const bundle::Manifest& manifest,
                                const log::EventLog& log) {
  UPNEXT_ASSIGN_OR_RETURN(const features::PositiveRule rule,
                          features::PositiveRule::Parse(manifest.labels, log.schema()));
  UPNEXT_ASSIGN_OR_RETURN(examples::Split split, examples::Split::Make(options.split, log, rule));
  if (split.Describe() == manifest.split) return split;
  return FailedPrecondition(
      "[split] changed since bundle {} was trained ({}; now {}), so it may have learned from what "
      "would test it: train again, or restore [split]",
      manifest.version, manifest.split, split.Describe());
}

}  // namespace upnext::training
