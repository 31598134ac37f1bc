#include "bundle/validated_models.h"

#include "base/section_file.h"
#include "bundle/bundle.h"
#include "bundle/bundle_statistics.h"
#include "ranking/onnx_ranker.h"
#include "ranking/ranker.h"
#include "retrieval/candidate_model.h"
#include "retrieval/onnx_encoder.h"

namespace upnext::bundle {

namespace fs = std::filesystem;

bool KeepsValidated(const Manifest& manifest) {
  return FindPart(manifest, ValidatedFeaturesType()) != nullptr;
}

Result<std::vector<PartType>> WriteValidated(const fs::path& folder,
                                             const features::FeatureStatistics& tables,
                                             const retrieval::UserItemModel* candidate,
                                             const ranking::RankingModel* ranker) {
  const PartType type = ValidatedFeaturesType();
  std::vector<PartType> written = {type};
  UPNEXT_RETURN_IF_ERROR(tables.Save(folder / type.file));
  UPNEXT_ASSIGN_OR_RETURN(const base::SectionFile features,
                          base::SectionFile::Open(folder / type.file, type.kind, type.version));
  const uint64_t digest = features.digest();
  if (candidate != nullptr && candidate->trained() != nullptr) {
    written.push_back(ValidatedCandidateType());
    UPNEXT_RETURN_IF_ERROR(candidate->Save(folder / written.back().file, digest));
  }
  if (ranker != nullptr && ranker->trained() != nullptr) {
    written.push_back(ValidatedRankerType());
    UPNEXT_RETURN_IF_ERROR(ranker->Save(folder / written.back().file, digest));
  }
  return written;
}

Result<std::unique_ptr<ValidatedModels>> ValidatedModels::Open(const fs::path& directory) {
  std::unique_ptr<ValidatedModels> models(new ValidatedModels);
  UPNEXT_ASSIGN_OR_RETURN(models->manifest_, VerifyBundle(directory));
  const bool kept = KeepsValidated(models->manifest_);
  const auto find = [&](const PartType& type) -> Result<const PartEntry*> {
    const PartEntry* part = FindPart(models->manifest_, type);
    if (part != nullptr) UPNEXT_RETURN_IF_ERROR(CheckPart(*part, type, directory));
    return part;
  };
  const PartType features = kept ? ValidatedFeaturesType() : FeaturesType();
  UPNEXT_ASSIGN_OR_RETURN(const PartEntry* part, find(features));
  if (part == nullptr) {
    return DataLoss("{}: expected a manifest that lists the part {}, found none; train again",
                    directory.string(), features.name);
  }
  UPNEXT_ASSIGN_OR_RETURN(
      const base::SectionFile file,
      base::SectionFile::Open(directory / features.file, features.kind, features.version));
  models->features_digest_ = file.digest();
  UPNEXT_ASSIGN_OR_RETURN(models->tables_, OpenStatistics(directory, models->manifest_, features));
  const auto check_shape = [&](bool fits, const PartEntry& of) -> Status {
    if (fits) return Ok();
    return DataLoss(
        "{}: the model has other numbers of rows than the vocabularies in {}; train "
        "again",
        (directory / of.file).string(), features.file);
  };
  UPNEXT_ASSIGN_OR_RETURN(part, find(kept ? ValidatedCandidateType() : CandidateType()));
  if (part != nullptr) {
    UPNEXT_ASSIGN_OR_RETURN(
        retrieval::CandidateModel candidate,
        retrieval::CandidateModel::Load(directory / part->file, models->features_digest_));
    UPNEXT_RETURN_IF_ERROR(
        check_shape(candidate.shape() == retrieval::ShapeOf(models->tables_), *part));
    models->candidate_ = std::make_unique<retrieval::CandidateModel>(std::move(candidate));
  } else {
    UPNEXT_ASSIGN_OR_RETURN(part, find(OnnxEncoderType()));
    if (part != nullptr) {
      UPNEXT_ASSIGN_OR_RETURN(
          models->candidate_,
          retrieval::OnnxEncoder::Load(directory / part->file, models->manifest_.features_digest,
                                       models->tables_));
    }
  }
  UPNEXT_ASSIGN_OR_RETURN(part, find(kept ? ValidatedRankerType() : RankerType()));
  if (part != nullptr) {
    UPNEXT_ASSIGN_OR_RETURN(
        ranking::Ranker ranker,
        ranking::Ranker::Load(directory / part->file, models->features_digest_));
    UPNEXT_RETURN_IF_ERROR(check_shape(ranker.shape() == ranking::ShapeOf(models->tables_), *part));
    models->ranker_ = std::make_unique<ranking::Ranker>(std::move(ranker));
    return models;
  }
  UPNEXT_ASSIGN_OR_RETURN(part, find(OnnxRankerType()));
  if (part != nullptr) {
    UPNEXT_ASSIGN_OR_RETURN(
        models->ranker_,
        ranking::OnnxRanker::Load(directory / part->file, models->manifest_.features_digest,
                                  models->tables_));
  }
  return models;
}

void ValidatedModels::SetScoreWeights(const ranking::ScoreWeights& weights) {
  if (ranker_ != nullptr) notes_ = ApplyScoreWeights(weights, ranker_.get());
}

}  // namespace upnext::bundle
