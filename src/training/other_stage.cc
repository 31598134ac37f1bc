#include "training/other_stage.h"

#include <utility>

#include "bundle/manifest.h"

namespace upnext::training {

std::string_view StageName(Stage stage) {
  return stage == Stage::kRetrieval ? "retrieval" : "ranking";
}

Result<OtherStage> OpenOther(const project::Project& project, Stage only, uint64_t features_digest,
                             bool fitted, const std::string& log_version) {
  OtherStage other;
  const Result<std::string> version = project.bundles().Current();
  if (!version && version.error().code == Code::kNotFound) return other;
  Result<bundle::OpenedBundle> current = project.OpenBundle(bundle::LogChoice::kTrainedOn);
  if (!current) {
    return FailedPrecondition(
        "--only {} keeps the other stage's model of the current bundle, which cannot be opened "
        "({}); train without --only",
        StageName(only), current.error().message);
  }
  other.opened = *std::move(current);
  UPNEXT_ASSIGN_OR_RETURN(other.validated,
                          bundle::ValidatedModels::Open(project.bundles().Path(*version)));
  const bundle::Manifest& manifest = other.validated->manifest();
  if (features_digest != other.validated->features_digest()) {
    return FailedPrecondition(
        "--only {}: the log or the [features] changed since bundle {}, or --continue made it, so its "
        "other model no longer fits; train without --only",
        StageName(only), manifest.version);
  }
  if (fitted != bundle::KeepsValidated(manifest) ||
      (fitted && manifest.log_version != log_version)) {
    return FailedPrecondition(
        "--only {}: the log or [train] final_fit changed since bundle {}, so its other model was "
        "fitted on other events; train without --only",
        StageName(only), manifest.version);
  }
  return other;
}

}  // namespace upnext::training
