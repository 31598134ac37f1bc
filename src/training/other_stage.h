// The models of the stage that `upnext train --only` does not train: those of the current bundle.
//
//   UPNEXT_ASSIGN_OR_RETURN(const OtherStage other,
//                           OpenOther(project, {Stage::kRanking, digest, fits_on_all, ...}));
//
// One thread, with the project's lock held.
#ifndef UPNEXT_TRAINING_OTHER_STAGE_H_
#define UPNEXT_TRAINING_OTHER_STAGE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "bundle/opened_bundle.h"
#include "bundle/validated_models.h"
#include "project/project.h"

namespace upnext::training {

enum class Stage : uint8_t { kRetrieval, kRanking };
std::string_view StageName(Stage stage);  // "retrieval", "ranking"

// Empty when there is no bundle yet.
struct OtherStage {
  bundle::OpenedBundle opened;                         // the model that it serves
  std::unique_ptr<bundle::ValidatedModels> validated;  // and the one that its report is of
  bool empty() const { return opened.bundle == nullptr; }
};

// Of the training that trains one stage.
struct OtherRequest {
  Stage only;
  uint64_t features_digest;
  bool fitted;     // on the whole log, after the evaluation
  bool of_others;  // its statistics grow from those of the examples of a network of others
  std::string log_version;
};
// kFailedPrecondition unless the current bundle has the same features, statistics that grew in the same
// way, and the same log if the models are fitted on all of it.
Result<OtherStage> OpenOther(const project::Project& project, const OtherRequest& request);

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_OTHER_STAGE_H_
