// The validated models of a bundle: fitted on the training part of the log alone, so that held-out
// events can judge them. The report of a bundle is theirs. A bundle keeps them next to those that
// it serves, unless it serves them.
//
//   UPNEXT_ASSIGN_OR_RETURN(const auto written, WriteValidated(staged, tables, candidate, ranker));
//   for (const PartType& type : written) parts.Set(WrittenPart(type));          before WriteBundle
//   UPNEXT_ASSIGN_OR_RETURN(const auto models, ValidatedModels::Open(bundles.Path(version)));
//
// Immutable once opened: any number of threads.
#ifndef UPNEXT_BUNDLE_VALIDATED_MODELS_H_
#define UPNEXT_BUNDLE_VALIDATED_MODELS_H_

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "bundle/manifest.h"
#include "bundle/part.h"
#include "features/feature_statistics.h"
#include "ranking/ranking_model.h"
#include "ranking/score.h"
#include "retrieval/user_item_model.h"

namespace upnext::bundle {

// Whether the bundle serves other models than those that were validated: a fit on the whole log.
bool KeepsValidated(const Manifest& manifest);

// Writes the files of their parts into the folder, and returns these; a null model has none, and a
// network of others is the one that is served.
Result<std::vector<PartType>> WriteValidated(const std::filesystem::path& folder,
                                             const features::FeatureStatistics& tables,
                                             const retrieval::UserItemModel* candidate,
                                             const ranking::RankingModel* ranker);

class ValidatedModels {
 public:
  // Of the bundle in this folder, after verifying all its files. Fails as Bundle::Open, but asks for
  // no log: that of the bundle, or one that continues it by appends, has the ids.
  static Result<std::unique_ptr<ValidatedModels>> Open(const std::filesystem::path& directory);

  const Manifest& manifest() const { return manifest_; }
  const features::FeatureStatistics& tables() const { return tables_; }
  uint64_t features_digest() const { return features_digest_; }
  const retrieval::UserItemModel* candidate() const { return candidate_.get(); }
  const ranking::RankingModel* ranker() const { return ranker_.get(); }
  // Exponents of the score from now on, as Bundle::SetScoreWeights. Before other threads use it.
  void SetScoreWeights(const ranking::ScoreWeights& weights);
  const std::vector<std::string>& notes() const { return notes_; }  // of exponents without effect

 private:
  ValidatedModels() = default;
  Manifest manifest_;
  uint64_t features_digest_ = 0;
  features::FeatureStatistics tables_;
  std::unique_ptr<retrieval::UserItemModel> candidate_;
  std::unique_ptr<ranking::RankingModel> ranker_;
  std::vector<std::string> notes_;
};

}  // namespace upnext::bundle

#endif  // UPNEXT_BUNDLE_VALIDATED_MODELS_H_
