// A trained candidate model as the reference of the ranker's features (features/retrieval_reference.h,
// RK-16): two files, the statistics that it was trained with, and the model that names their digest.
//
//   UPNEXT_RETURN_IF_ERROR(SaveReference(tables, model, features_file, model_file));
//   UPNEXT_ASSIGN_OR_RETURN(tables.reference, LoadReference(features_file, model_file, end_ms));
//
// Functions of their arguments; what they return is immutable: any number of threads.
#ifndef UPNEXT_RETRIEVAL_CANDIDATE_REFERENCE_H_
#define UPNEXT_RETRIEVAL_CANDIDATE_REFERENCE_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "base/scratch_pool.h"
#include "base/status.h"
#include "features/feature_statistics.h"
#include "features/retrieval_reference.h"
#include "retrieval/candidate_model.h"
#include "retrieval/presets.h"

namespace upnext::retrieval {

class CandidateReference : public features::ReferenceModel {
 public:
  explicit CandidateReference(CandidateModel model) : model_(std::move(model)) {}
  const CandidateModel& model() const { return model_; }

  size_t dim() const override { return model_.dim(); }
  void UserVector(const features::FeatureBlock& query, std::span<float> user) const override;
  float Score(std::span<const float> user, uint32_t row) const override;
  Status Save(const std::filesystem::path& file, uint64_t features_digest) const override {
    return model_.Save(file, features_digest);
  }

 private:
  const CandidateModel model_;
  const base::ScratchPool<CandidateModel::Scratch> scratch_;
};

// Writes both files.
Status SaveReference(const features::FeatureStatistics& tables,
                     const features::ReferenceModel& model,
                     const std::filesystem::path& features_file,
                     const std::filesystem::path& model_file);
// `end_ms`: the model has seen no event from then on. Fails as FeatureStatistics::Load and
// CandidateModel::Load; kDataLoss when the model has other numbers of rows than the statistics.
Result<std::shared_ptr<const features::RetrievalReference>> LoadReference(
    const std::filesystem::path& features_file, const std::filesystem::path& model_file,
    int64_t end_ms);

// kFailedPrecondition unless the user vector is as wide as the plan's features expect it to be: of a
// trained model, or of every model that may be trained (dim x ensemble numbers; with distill, dim).
Status CheckWidth(const features::FeaturePlan& plan, size_t dim);
Status CheckWidth(const features::FeaturePlan& plan, const PresetOptions& options);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_CANDIDATE_REFERENCE_H_
