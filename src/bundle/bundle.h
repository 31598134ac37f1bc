// A bundle: one versioned folder with everything that serving needs of a training run, indivisible
// (docs/formats/bundle.md):
//
//   bundles/v000003/ manifest.json  project.toml  report.json
//                    features.uxs  candidate.uxs  index.uxs  ranker.uxs  generator.popular.uxs ...
//
//   UPNEXT_RETURN_IF_ERROR(WriteBundle(staged, parts, &manifest));                 part.h
//   UPNEXT_ASSIGN_OR_RETURN(auto bundle, Bundle::Open(folder, log.lineage()));
//
// The manifest names every part with size and checksum and the log that it was trained on; Open
// verifies all of it and refuses what does not belong together (SV-03). Once it is shared, an opened
// bundle does not change: any number of threads.
#ifndef UPNEXT_BUNDLE_BUNDLE_H_
#define UPNEXT_BUNDLE_BUNDLE_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ann/index.h"
#include "base/config.h"
#include "base/status.h"
#include "bundle/manifest.h"
#include "bundle/part.h"
#include "features/feature_statistics.h"
#include "ranking/ranking_model.h"
#include "ranking/score.h"
#include "retrieval/generator_registry.h"
#include "retrieval/user_item_model.h"

namespace upnext::bundle {

// Writes all parts and the manifest into `staged` (a folder from base::VersionedRoot::Begin) and
// syncs them. The caller publishes it. Fills manifest.parts, the digests and the labels.
Status WriteBundle(const std::filesystem::path& staged, const Parts& parts, Manifest* manifest);

// The score weights of the project file, by name of objective (ranking/score.h).
using ScoreWeights = ranking::ScoreWeights;
ScoreWeights ScoreWeightsFromConfig(const base::Config& config);
// Gives the ranker the exponents. Returns a note for each that has no effect, because the ranker was
// trained without that objective.
std::vector<std::string> ApplyScoreWeights(const ScoreWeights& weights,
                                           ranking::RankingModel* ranker);

// Where the library is that bundles with a network of others need, before the first of them is opened
// (onnx/runtime.h).
void UseOnnxRuntime(const std::filesystem::path& library);

class Bundle {
 public:
  // `log_lineage`: digests of the opened log and of those it continues (EventLog::lineage).
  // kDataLoss names the damaged file. kFailedPrecondition when the log that it was trained on is
  // not among them, and for parts that this program does not know or of another version.
  static Result<std::unique_ptr<Bundle>> Open(
      const std::filesystem::path& directory, std::span<const uint64_t> log_lineage,
      retrieval::GeneratorRegistry registry = retrieval::BuiltInGenerators());

  const Manifest& manifest() const { return manifest_; }
  const features::FeatureStatistics& tables() const { return tables_; }
  const retrieval::UserItemModel* candidate() const { return candidate_.get(); }
  const ann::Index* index() const { return index_.get(); }
  const ranking::RankingModel* ranker() const { return ranker_.get(); }
  // Those that the bundle has what they need for, in the order of the registry.
  std::span<const retrieval::LoadedGenerator> generators() const { return generators_; }

  // Orders feeds by the weights of the project file in place of those of the training. No effect
  // without a ranker and for no weights. Before the bundle is shared.
  void SetScoreWeights(const ScoreWeights& weights);
  // What to know about every feed of this bundle, for people.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct Reader;  // of one kind of part
  static std::span<const Reader> Readers();
  Bundle() = default;
  Status CheckParts(const std::filesystem::path& directory,
                    retrieval::GeneratorRegistry registry) const;
  bool Has(const PartType& type) const;
  Status OpenFeatures(const std::filesystem::path& file);
  Status OpenCandidate(const std::filesystem::path& file);
  Status OpenOnnxEncoder(const std::filesystem::path& file);
  Status OpenIndex(const std::filesystem::path& file);
  Status OpenRanker(const std::filesystem::path& file);
  Status OpenOnnxRanker(const std::filesystem::path& file);
  Status OpenGenerators(const std::filesystem::path& directory,
                        retrieval::GeneratorRegistry registry);

  Manifest manifest_;
  features::FeatureStatistics tables_;
  std::unique_ptr<retrieval::UserItemModel> candidate_;
  std::unique_ptr<ann::Index> index_;
  std::unique_ptr<ranking::RankingModel> ranker_;
  std::vector<retrieval::LoadedGenerator> generators_;  // refer to the members above
  std::vector<std::string> notes_;
};

}  // namespace upnext::bundle

#endif  // UPNEXT_BUNDLE_BUNDLE_H_
