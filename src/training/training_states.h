// What trained models leave for a later training to continue from, as parts of the bundle.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto parts, WriteValidatedStates(folder, trained, features_digest));
//   SetStateParts(trained, bundle_parts);                // of the models that are published
//
// Only job.cc includes it.
#ifndef UPNEXT_TRAINING_TRAINING_STATES_H_
#define UPNEXT_TRAINING_TRAINING_STATES_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/status.h"
#include "bundle/part.h"
#include "training/train.h"

namespace upnext::training {

// Writes the states of the validated models into the folder; those that keep none have no part.
Result<std::vector<bundle::PartType>> WriteValidatedStates(const std::filesystem::path& folder,
                                                           const TrainedModels& trained,
                                                           uint64_t features_digest);
// From which of the presets the candidate model is: what continues needs no search.
void NamePreset(const std::string& preset, TrainedModels& trained);
// `trained` must outlive the parts.
void SetStateParts(const TrainedModels& trained, bundle::Parts& parts);

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_TRAINING_STATES_H_
