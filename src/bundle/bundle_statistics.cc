#include "bundle/bundle_statistics.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "features/retrieval_reference.h"
#include "retrieval/candidate_reference.h"

namespace upnext::bundle {
namespace {

namespace fs = std::filesystem;

// Whether the manifest has the part; kFailedPrecondition for one of another version.
Result<bool> Lists(const Manifest& manifest, const PartType& type, const fs::path& folder) {
  const PartEntry* const part = FindPart(manifest, type);
  if (part == nullptr) return false;
  UPNEXT_RETURN_IF_ERROR(CheckPart(*part, type, folder));
  return true;
}

bool HasRanker(const Manifest& manifest) {
  return std::ranges::any_of(manifest.parts, [](const PartEntry& part) {
    return part.name == RankerType().name || part.name == ValidatedRankerType().name;
  });
}

}  // namespace

Result<features::FeatureStatistics> OpenStatistics(const fs::path& folder, const Manifest& manifest,
                                                   const PartType& type) {
  UPNEXT_ASSIGN_OR_RETURN(features::FeatureStatistics tables,
                          features::FeatureStatistics::Load(folder / type.file));
  const PartType features = ReferenceFeaturesType(), model = ReferenceModelType();
  UPNEXT_ASSIGN_OR_RETURN(const bool has_features, Lists(manifest, features, folder));
  UPNEXT_ASSIGN_OR_RETURN(const bool has_model, Lists(manifest, model, folder));
  const features::ReferenceStamp stamp = tables.reference_stamp;
  const bool read = stamp.digest != 0 || (tables.plan.reads_reference() && HasRanker(manifest));
  if (read && !(has_features && has_model && stamp.digest != 0)) {
    return DataLoss(
        "{}: its ranker reads a reference candidate model, but {} of its manifest is missing, or {} "
        "does not name it; train again",
        folder.string(), has_features ? model.name : features.name, type.file);
  }
  if (stamp.digest == 0) {
    if (!has_features && !has_model) return tables;
    return FailedPrecondition("{}: {} is for features that {} does not have; train again",
                              folder.string(), model.name, type.file);
  }
  UPNEXT_ASSIGN_OR_RETURN(
      std::shared_ptr<const features::RetrievalReference> reference,
      retrieval::LoadReference(folder / features.file, folder / model.file, stamp.end_ms));
  if (reference->digest() != stamp.digest ||
      reference->tables().plan.text() != tables.plan.text()) {
    return FailedPrecondition(
        "{}: a reference candidate model with digest {:016x}, but the features in {} were learned "
        "with {:016x}, and so was the ranker; train again",
        (folder / model.file).string(), reference->digest(), type.file, stamp.digest);
  }
  UPNEXT_RETURN_IF_ERROR(retrieval::CheckWidth(tables.plan, reference->dim()));
  tables.reference = std::move(reference);
  return tables;
}

}  // namespace upnext::bundle
