#include "retrieval/candidate_reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/section_file.h"
#include "kernels/vector_ops.h"
#include "retrieval/candidate_options.h"

namespace upnext::retrieval {
namespace {

namespace fs = std::filesystem;

// What models that were trained with these statistics repeat.
Result<uint64_t> DigestOfStatistics(const fs::path& file) {
  UPNEXT_ASSIGN_OR_RETURN(
      const base::SectionFile sections,
      base::SectionFile::Open(file, features::kTablesKind, features::kTablesVersion));
  return sections.digest();
}

uint32_t TrainedMembers(const CandidatePreset& preset) {
  return preset.train.distill > 0 ? 1 : preset.model.ensemble;
}
uint32_t TrainedDim(const CandidatePreset& preset) {
  return preset.model.dim * TrainedMembers(preset);
}

// "[retrieval] dim = 8", with which these members have vectors of `floats` numbers; "" if none have.
std::string DimFor(uint32_t floats, uint32_t members) {
  return floats % members == 0 ? fmt::format("[retrieval] dim = {}", floats / members) : "";
}

}  // namespace

void CandidateReference::UserVector(const features::FeatureBlock& query,
                                    std::span<float> user) const {
  const auto scratch = scratch_.Borrow();
  model_.UserVectors(query, user.data(), *scratch, {});
}

float CandidateReference::Score(std::span<const float> user, uint32_t row) const {
  const auto items = model_.item_vectors().view();
  return kernels::Dot(user.data(), items.data + size_t{row} * items.dim, items.dim);
}

Status SaveReference(const features::FeatureStatistics& tables,
                     const features::ReferenceModel& model, const fs::path& features_file,
                     const fs::path& model_file) {
  UPNEXT_RETURN_IF_ERROR(tables.Save(features_file));
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t digest, DigestOfStatistics(features_file));
  return model.Save(model_file, digest);
}

Result<std::shared_ptr<const features::RetrievalReference>> LoadReference(
    const fs::path& features_file, const fs::path& model_file, int64_t end_ms) {
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t digest, DigestOfStatistics(features_file));
  UPNEXT_ASSIGN_OR_RETURN(features::FeatureStatistics tables,
                          features::FeatureStatistics::Load(features_file));
  UPNEXT_ASSIGN_OR_RETURN(CandidateModel model, CandidateModel::Load(model_file, digest));
  if (!(model.shape() == ShapeOf(tables))) {
    return DataLoss(
        "{}: the model has other numbers of rows than the vocabularies in {}; train again",
        model_file.string(), features_file.filename().string());
  }
  UPNEXT_ASSIGN_OR_RETURN(
      const base::SectionFile file,
      base::SectionFile::Open(model_file, kCandidateModelKind, kCandidateModelVersion));
  return std::make_shared<const features::RetrievalReference>(
      std::move(tables), std::make_shared<const CandidateReference>(std::move(model)), end_ms,
      file.digest());
}

Status CheckWidth(const features::FeaturePlan& plan, size_t dim) {
  const uint32_t expected = plan.user_vector_floats();
  if (expected == 0 || expected == dim) return Ok();
  return FailedPrecondition(
      "a feature reads vector(request.user_vector, {}), but the reference candidate model has user "
      "vectors of {} numbers; train again",
      expected, dim);
}

Status CheckWidth(const features::FeaturePlan& plan, const PresetOptions& options) {
  const uint32_t expected = plan.user_vector_floats();
  const auto fits = [&](const CandidatePreset& one) { return TrainedDim(one) == expected; };
  if (expected == 0 || std::ranges::all_of(options.presets, fits)) return Ok();
  const CandidatePreset& first = options.presets.front();
  const uint32_t members = TrainedMembers(first), dim = TrainedDim(first);
  const std::string set = DimFor(expected, members);
  const auto other = std::ranges::find_if(
      options.presets, [&](const CandidatePreset& one) { return TrainedDim(one) != dim; });
  if (other != options.presets.end()) {
    return FailedPrecondition(
        "a feature reads vector(request.user_vector, {}), but [retrieval] preset = \"auto\" chooses "
        "among models with user vectors of {} and of {} numbers; set {}, or choose a preset",
        expected, dim, TrainedDim(*other), set.empty() ? "[retrieval] dim" : set);
  }
  return FailedPrecondition(
      "a feature reads vector(request.user_vector, {}), but the candidate model has user vectors of "
      "{}{} numbers; write vector(request.user_vector, {}){}",
      expected,
      members > 1 ? fmt::format("dim x ensemble = {} x {} = ", first.model.dim, members) : "", dim,
      dim, set.empty() ? "" : ", or set " + set);
}

}  // namespace upnext::retrieval
