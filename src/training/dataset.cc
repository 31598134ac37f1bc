#include "training/dataset.h"

#include <utility>

#include "examples/learn.h"
#include "schema/event.h"

namespace upnext::training {

Dataset::Dataset(const log::EventLog& log, const DatasetOptions& options, examples::Split split)
    : rule_(options.rule),
      catalogue_(log),
      split_(std::move(split)),
      source_{catalogue_.log(), catalogue_, rule_, split_} {}

Result<std::unique_ptr<Dataset>> Dataset::Prepare(const log::EventLog& log,
                                                  const DatasetOptions& options,
                                                  base::ThreadPool& pool,
                                                  base::Progress& progress) {
  UPNEXT_ASSIGN_OR_RETURN(examples::Split split,
                          examples::Split::Make(options.split, log, options.rule));
  std::unique_ptr<Dataset> dataset(new Dataset(log, options, std::move(split)));
  UPNEXT_ASSIGN_OR_RETURN(
      dataset->statistics_,
      examples::LearnFeatures(dataset->source_, options.features, pool, progress));
  return dataset;
}

bool Dataset::has_impressions() const {
  return log().stats().by_type[static_cast<size_t>(schema::EventType::kImpression)] > 0;
}

Result<examples::Split> SplitOf(const DatasetOptions& options, const bundle::OpenedBundle& opened) {
  UPNEXT_ASSIGN_OR_RETURN(examples::Split split,
                          examples::Split::Make(options.split, opened.log, options.rule));
  const bundle::Manifest& manifest = opened.bundle->manifest();
  if (split.Describe() == manifest.split) return split;
  return FailedPrecondition(
      "[split] changed since bundle {} was trained ({}; now {}), so it may have learned from what "
      "would test it: train again, or restore [split]",
      manifest.version, manifest.split, split.Describe());
}

}  // namespace upnext::training
