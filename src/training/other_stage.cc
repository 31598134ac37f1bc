#include "training/other_stage.h"

#include <utility>

#include "base/config.h"
#include "bundle/manifest.h"
#include "bundle/part.h"

namespace upnext::training {

std::string_view StageName(Stage stage) {
  return stage == Stage::kRetrieval ? "retrieval" : "ranking";
}

namespace {

// Whether the project file of the bundle named a network of others: its own parts do not say, of a first
// bundle of one stage.
Result<bool> HadNetworkOfOthers(const std::filesystem::path& folder) {
  UPNEXT_ASSIGN_OR_RETURN(const base::Config config, bundle::ReadProject(folder));
  return !config.Table("retrieval").Text("onnx", "").empty() ||
         !config.Table("ranking").Text("onnx", "").empty();
}

}  // namespace

Result<OtherStage> OpenOther(const project::Project& project, const OtherRequest& request) {
  OtherStage other;
  const std::string_view only = StageName(request.only);
  const Result<std::string> version = project.bundles().Current();
  if (!version && version.error().code == Code::kNotFound) return other;
  Result<bundle::OpenedBundle> current = project.OpenBundle(bundle::LogChoice::kTrainedOn);
  if (!current) {
    return FailedPrecondition(
        "--only {} keeps the other stage's model of the current bundle, which cannot be opened "
        "({}); train without --only",
        only, current.error().message);
  }
  other.opened = *std::move(current);
  UPNEXT_ASSIGN_OR_RETURN(other.validated,
                          bundle::ValidatedModels::Open(project.bundles().Path(*version)));
  const bundle::Manifest& manifest = other.validated->manifest();
  UPNEXT_ASSIGN_OR_RETURN(const bool had, HadNetworkOfOthers(project.bundles().Path(*version)));
  // Statistics of the training part alone may be the same, those of the whole log are not.
  if (request.fitted && request.of_others != had) {
    return FailedPrecondition(
        "--only {}: [retrieval] onnx or [ranking] onnx was {} since bundle {}, and with it the rows of "
        "the vocabularies changed, so its other model no longer fits; train without --only",
        only, request.of_others ? "added" : "taken out", manifest.version);
  }
  if (request.features_digest != other.validated->features_digest()) {
    return FailedPrecondition(
        "--only {}: the log, the [features] or the examples of a network of others changed since "
        "bundle {}, or --continue made it, so its other model no longer fits; train without --only",
        only, manifest.version);
  }
  if (request.fitted != bundle::KeepsValidated(manifest) ||
      (request.fitted && manifest.log_version != request.log_version)) {
    return FailedPrecondition(
        "--only {}: the log or [train] final_fit changed since bundle {}, so its other model was "
        "fitted on other events; train without --only",
        only, manifest.version);
  }
  return other;
}

}  // namespace upnext::training
