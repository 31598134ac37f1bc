// What models are trained and evaluated on: a log, cut into parts, with the feature statistics of
// its training part. Nothing of it depends on a model.
//
//   UPNEXT_ASSIGN_OR_RETURN(const auto dataset,
//                           Dataset::Prepare(log, options.dataset, pool, progress));
//
// Immutable: any number of threads.
#ifndef UPNEXT_TRAINING_DATASET_H_
#define UPNEXT_TRAINING_DATASET_H_

#include <filesystem>
#include <memory>
#include <string>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "bundle/manifest.h"
#include "catalogue/catalogue.h"
#include "examples/replay.h"
#include "examples/split.h"
#include "features/feature_statistics.h"
#include "log/event_log.h"
#include "training/options.h"

namespace upnext::training {

class Dataset {
 public:
  // Splits the log (wide_split.h) and learns the statistics, grown from `old` if there are any, of
  // features that read `reference` (examples/learn.h). kFailedPrecondition when nothing is left to
  // train on.
  static Result<std::unique_ptr<Dataset>> Prepare(
      const log::EventLog& log, const DatasetOptions& options, base::ThreadPool& pool,
      base::Progress& progress, const features::FeatureStatistics* old = nullptr,
      std::shared_ptr<const features::RetrievalReference> reference = nullptr);
  // With statistics that were learned before, from the training part of this split.
  static Result<std::unique_ptr<Dataset>> With(const log::EventLog& log,
                                               const DatasetOptions& options,
                                               features::FeatureStatistics statistics);
  Dataset(const Dataset&) = delete;
  Dataset& operator=(const Dataset&) = delete;

  const log::EventLog& log() const { return catalogue_.log(); }
  const catalogue::Catalogue& catalogue() const { return catalogue_; }
  const features::PositiveRule& rule() const { return rule_; }
  const examples::Split& split() const { return split_; }
  const features::FeatureStatistics& statistics() const { return statistics_; }
  // Log, catalogue, rule and split, as replays take them; views into this object.
  const examples::ReplaySource& source() const { return source_; }
  // Why the split is wider than its options say (wide_split.h); empty: it is not.
  const std::string& widened() const { return widened_; }
  bool has_impressions() const;  // without them there is no ranker
  bool has_events(examples::SplitPart part) const;

 private:
  Dataset(const log::EventLog& log, const DatasetOptions& options, examples::Split split);

  const features::PositiveRule rule_;
  const catalogue::Catalogue catalogue_;
  const examples::Split split_;
  const examples::ReplaySource source_;
  features::FeatureStatistics statistics_;
  std::string widened_;
};

// The digest that a bundle of these statistics has; their file is written into the folder.
Result<uint64_t> DigestOf(const features::FeatureStatistics& statistics,
                          const std::filesystem::path& folder);

// The split that a bundle was trained with, of the log that it was trained on, also after users were
// forgotten; kFailedPrecondition when the options describe another one, because the bundle may then
// have learned from what would test it.
Result<examples::Split> SplitOf(const DatasetOptions& options, const bundle::Manifest& manifest,
                                const log::EventLog& log);

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_DATASET_H_
