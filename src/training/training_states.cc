#include "training/training_states.h"

namespace upnext::training {

Result<std::vector<bundle::PartType>> WriteValidatedStates(const std::filesystem::path& folder,
                                                           const TrainedModels& trained,
                                                           uint64_t features_digest) {
  std::vector<bundle::PartType> written;
  if (trained.ranker.trainer != nullptr) {
    written.push_back(bundle::ValidatedRankerStateType());
    UPNEXT_RETURN_IF_ERROR(
        trained.ranker.trainer->SaveState(folder / written.back().file, features_digest));
  }
  if (trained.candidate.state) {
    written.push_back(bundle::ValidatedCandidateStateType());
    UPNEXT_RETURN_IF_ERROR(
        trained.candidate.state->Save(folder / written.back().file, features_digest));
  }
  return written;
}

void NamePreset(const std::string& preset, TrainedModels& trained) {
  if (trained.candidate.state) trained.candidate.state->set_preset(preset);
}

void SetStateParts(const TrainedModels& trained, bundle::Parts& parts) {
  if (trained.ranker.trainer != nullptr) {
    parts.Set(bundle::RankerStatePart(*trained.ranker.trainer));
  }
  if (trained.candidate.state) parts.Set(bundle::CandidateStatePart(*trained.candidate.state));
}

}  // namespace upnext::training
