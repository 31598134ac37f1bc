// A bundle: one versioned folder with everything that serving needs of a training run, indivisible
// (docs/formats/bundle.md):
//
//   bundles/v000003/ manifest.json  project.toml  report.json
//                    features.uxs  candidate.uxs  index.uxs  generators.uxs  ranker.uxs
//
//   UPNEXT_ASSIGN_OR_RETURN(auto bundle, Bundle::Open(bundles.Path(version), log.lineage()));
//
// The manifest names every file with size and checksum and the log that it was trained on; Open
// verifies all of it and refuses what does not belong together (SV-03). An opened bundle is
// immutable: any number of threads.
#ifndef UPNEXT_BUNDLE_BUNDLE_H_
#define UPNEXT_BUNDLE_BUNDLE_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/section_file.h"
#include "base/status.h"
#include "base/versioned_root.h"
#include "bundle/manifest.h"
#include "features/feature_statistics.h"
#include "features/user_state.h"
#include "ranking/ranker.h"
#include "retrieval/candidate_model.h"
#include "retrieval/co_watch.h"
#include "retrieval/generators.h"
#include "retrieval/index.h"

namespace upnext::bundle {

// The parts of a bundle while it is written; null or empty ones are left out.
struct Parts {
  const features::FeatureStatistics* tables = nullptr;  // required
  features::PositiveRule rule;                          // that the examples were made with
  const retrieval::CandidateModel* candidate = nullptr;
  const retrieval::Index* index = nullptr;
  const retrieval::PopularItems* popular = nullptr;
  const retrieval::CoWatchLearner* co_watch = nullptr;  // learned while it is written
  const ranking::Ranker* ranker = nullptr;
  std::string project_toml, report_json;
};

// Writes all files and the manifest into `staged` (a folder from base::VersionedRoot::Begin) and
// syncs them. The caller publishes it. Fills manifest.files and the digests.
Status WriteBundle(const std::filesystem::path& staged, const Parts& parts, Manifest* manifest);

class Bundle {
 public:
  // `log_lineage`: digests of the log at hand and of those it goes on from (EventLog::lineage).
  // kDataLoss names the damaged file; kFailedPrecondition when the log that it was trained on is
  // not among them.
  static Result<std::unique_ptr<Bundle>> Open(const std::filesystem::path& directory,
                                              std::span<const uint64_t> log_lineage);

  const Manifest& manifest() const { return manifest_; }
  const features::FeatureStatistics& tables() const { return tables_; }
  const retrieval::CandidateModel* candidate() const { return candidate_ ? &*candidate_ : nullptr; }
  const retrieval::Index* index() const { return index_.get(); }
  const retrieval::PopularItems& popular() const { return popular_; }
  const retrieval::CoWatch& co_watch() const { return co_watch_; }
  const ranking::Ranker* ranker() const { return ranker_ ? &*ranker_ : nullptr; }

 private:
  Bundle() = default;
  Manifest manifest_;
  features::FeatureStatistics tables_;
  std::optional<retrieval::CandidateModel> candidate_;
  std::unique_ptr<retrieval::Index> index_;
  retrieval::PopularItems popular_;
  std::optional<base::SectionFile> generators_;  // what co_watch_ views
  retrieval::CoWatch co_watch_;
  std::optional<ranking::Ranker> ranker_;
};

}  // namespace upnext::bundle

#endif  // UPNEXT_BUNDLE_BUNDLE_H_
